package faultstore_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/sentient-agi/sentientfs/internal/object"
	"github.com/sentient-agi/sentientfs/internal/object/faultstore"
	"github.com/sentient-agi/sentientfs/internal/object/memstore"
)

func put(t *testing.T, s object.Store, key string) error {
	t.Helper()
	_, err := s.Put(t.Context(), key, object.Bytes([]byte("content")), object.PutOptions{})
	return err
}

func TestRules(t *testing.T) {
	mem := memstore.New(memstore.Options{})
	s := faultstore.New(mem,
		faultstore.Rule{Op: faultstore.Put, Key: "a", Skip: 1, Times: 2, Err: faultstore.Fail(object.KindThrottled)},
		faultstore.Rule{Op: faultstore.Put, Match: func(k string) bool { return k == "lost" }, Lost: faultstore.Fail(object.KindUnavailable)})
	for i, fails := range []bool{false, true, true, false} {
		if err := put(t, s, "a"); object.Is(err, object.KindThrottled) != fails {
			t.Errorf("put %d: %v", i, err)
		}
	}
	if err := put(t, s, "b"); err != nil {
		t.Errorf("another key: %v", err)
	}
	if err := put(t, s, "lost"); !object.Is(err, object.KindUnavailable) {
		t.Errorf("lost answer: %v", err)
	}
	if _, err := mem.Head(t.Context(), "lost"); err != nil {
		t.Errorf("the request whose answer was lost was not done: %v", err)
	}
	if n := s.Count(faultstore.Put); n != 6 {
		t.Errorf("%d puts were counted, want 6", n)
	}
	s.Clear()
	if err := put(t, s, "lost"); err != nil {
		t.Errorf("after Clear: %v", err)
	}
}

func TestBeforeAndTorn(t *testing.T) {
	s := faultstore.New(memstore.New(memstore.Options{}))
	if err := put(t, s, "a"); err != nil {
		t.Fatal(err)
	}
	waited := false
	s.Add(faultstore.Rule{Op: faultstore.Get, Torn: 3, Before: func(context.Context) error { waited = true; return nil }})
	r, err := s.Get(t.Context(), "a", object.GetOptions{})
	if err != nil || !waited {
		t.Fatalf("waited %v, %v", waited, err)
	}
	if b, err := io.ReadAll(r); string(b) != "con" || !object.Is(err, object.KindCorrupt) {
		t.Errorf("%q, %v", b, err)
	}
	s.Clear()
	s.Add(faultstore.Rule{Before: func(context.Context) error { return context.Canceled }})
	if _, err := s.Head(t.Context(), "a"); !object.Is(err, object.KindCanceled) {
		t.Errorf("%v", err)
	}
}

func TestStopAt(t *testing.T) {
	for n := range 3 {
		mem := memstore.New(memstore.Options{})
		s := faultstore.New(mem)
		s.StopAt(n, false)
		for i, key := range []string{"a", "b"} {
			if err := put(t, s, key); errors.Is(err, faultstore.ErrStopped) != (i >= n) {
				t.Errorf("stop at %d: put %d: %v", n, i, err)
			}
		}
		if page, err := mem.List(t.Context(), object.ListOptions{}); err != nil || len(page.Objects) != n {
			t.Errorf("stop at %d: %d objects, %v", n, len(page.Objects), err)
		}
	}
}

func TestStopBlocks(t *testing.T) {
	s := faultstore.New(memstore.New(memstore.Options{}))
	s.StopAt(0, true)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := s.Head(ctx, "a")
		done <- err
	}()
	<-s.Stopped()
	cancel()
	if err := <-done; !object.Is(err, object.KindCanceled) || !errors.Is(err, faultstore.ErrStopped) {
		t.Errorf("%v", err)
	}
}
