package control

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func listen(t *testing.T, h Handler) string {
	t.Helper()
	path := SocketPath(filepath.Join(t.TempDir(), "run"), "/mnt")
	s, err := Listen(path, h, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return path
}

func TestCall(t *testing.T) {
	path := listen(t, func(_ context.Context, req Request, progress func(string)) (any, error) {
		if req.Op != "flush" {
			return nil, &Failure{What: "cannot " + req.Op, Hint: "flush", Code: 9}
		}
		progress("one")
		progress("two")
		return map[string]int{"files": 2}, nil
	})
	var seen []string
	got, err := Call(context.Background(), path, Request{Op: "flush"}, func(p string) { seen = append(seen, p) })
	if err != nil || string(got) != `{"files":2}` || strings.Join(seen, ",") != "one,two" {
		t.Errorf("Call(flush) = %s, %v with progress %q", got, err, seen)
	}
	_, err = Call(context.Background(), path, Request{Op: "dance"}, nil)
	var f *Failure
	if !errors.As(err, &f) || f.Code != 9 || f.Hint != "flush" {
		t.Errorf("Call(dance) = %v, want the failure with its code and hint", err)
	}
}

func TestOnlyTheUserMayCall(t *testing.T) {
	path := listen(t, func(context.Context, Request, func(string)) (any, error) { return nil, nil })
	for _, p := range []string{path, filepath.Dir(path)} {
		info, err := os.Stat(p)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v: others can reach it", p, info.Mode())
		}
	}
}

func TestWhoGoesAwayEndsTheRequest(t *testing.T) {
	begun, ended := make(chan bool), make(chan bool)
	path := listen(t, func(ctx context.Context, _ Request, _ func(string)) (any, error) {
		close(begun)
		<-ctx.Done()
		close(ended)
		return nil, ctx.Err()
	})
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-begun
		cancel()
	}()
	if _, err := Call(ctx, path, Request{Op: "wait"}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Call = %v, want its context's error", err)
	}
	<-ended
}

func TestCallWithoutMount(t *testing.T) {
	if _, err := Call(context.Background(), SocketPath(t.TempDir(), "/mnt"), Request{Op: "flush"}, nil); !errors.Is(err, ErrNoMount) {
		t.Errorf("Call = %v, want ErrNoMount", err)
	}
}

func TestListenReplacesWhatADeadMountLeft(t *testing.T) {
	path := SocketPath(t.TempDir(), "/mnt")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Listen(path, func(context.Context, Request, func(string)) (any, error) { return 1, nil }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Call(context.Background(), path, Request{}, nil); err != nil || string(got) != "1" {
		t.Errorf("Call = %s, %v", got, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left after Close: %v", err)
	}
}
