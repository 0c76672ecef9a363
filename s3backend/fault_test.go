package s3backend_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sentient-agi/sentientfs/internal/object"
	"github.com/sentient-agi/sentientfs/s3backend"
)

var (
	noEntry = object.PutOptions{IfNoneMatch: true}
	content = bytes.Repeat([]byte("0123456789abcdef"), 1<<14) // 256 KiB
)

// operations are one of each kind, on a store that holds "o" and "gone".
var operations = map[string]func(*testing.T, *s3backend.Store) error{
	"Head": func(t *testing.T, s *s3backend.Store) error { _, err := s.Head(t.Context(), "o"); return err },
	"Get": func(t *testing.T, s *s3backend.Store) error {
		r, err := s.Get(t.Context(), "o", object.GetOptions{})
		if err != nil {
			return err
		}
		defer r.Close()
		b, err := io.ReadAll(r)
		if err == nil && !bytes.Equal(b, content) {
			return errors.New("wrong bytes")
		}
		return err
	},
	"List": func(t *testing.T, s *s3backend.Store) error {
		page, err := s.List(t.Context(), object.ListOptions{})
		if err == nil && len(page.Objects) == 0 {
			return errors.New("an empty listing")
		}
		return err
	},
	"Put": func(t *testing.T, s *s3backend.Store) error {
		_, err := s.Put(t.Context(), "p", object.Bytes(content), object.PutOptions{})
		return err
	},
	"Copy": func(t *testing.T, s *s3backend.Store) error {
		_, err := s.Copy(t.Context(), "c", "o", object.CopyOptions{})
		return err
	},
	"Delete": func(t *testing.T, s *s3backend.Store) error {
		return s.Delete(t.Context(), "gone", object.DeleteOptions{})
	},
	"DeleteMany": func(t *testing.T, s *s3backend.Store) error {
		failed, err := s.DeleteMany(t.Context(), []string{"gone", "gone2"})
		for _, e := range failed {
			return e
		}
		return err
	},
	"Create": func(t *testing.T, s *s3backend.Store) error {
		_, err := s.CreateUpload(t.Context(), "u", object.PutOptions{})
		return err
	},
	"Part": func(t *testing.T, s *s3backend.Store) error {
		u, err := s.CreateUpload(t.Context(), "u", object.PutOptions{})
		if err == nil {
			_, err = u.PutPart(t.Context(), 1, object.Bytes(content))
		}
		return err
	},
	"Complete": func(t *testing.T, s *s3backend.Store) error {
		u, err := s.CreateUpload(t.Context(), "u", object.PutOptions{})
		if err != nil {
			return err
		}
		p, err := u.PutPart(t.Context(), 1, object.Bytes(content))
		if err == nil {
			_, err = u.Complete(t.Context(), []object.Part{p})
		}
		return err
	},
}

// ready opens a store over a wire, fills it and asks for the traits, so that faults meet the operation alone.
func ready(t *testing.T, change func(*s3backend.Options)) (*wire, *s3backend.Store) {
	t.Helper()
	x, url := newWire(t)
	opts := options(url)
	if change != nil {
		change(&opts)
	}
	s := open(t, opts)
	if _, err := s.Traits(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"o", "gone", "gone2"} {
		if _, err := s.Put(t.Context(), key, object.Bytes(content), object.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	return x, s
}

func impatient(o *s3backend.Options) {
	o.HTTPTimeout, o.OperationTimeout = time.Second, time.Minute
}

// TestPassingFaults lets every operation meet every fault twice, and it succeeds all the same.
func TestPassingFaults(t *testing.T) {
	faults := map[string]doFunc{
		"503": answer(503, "SlowDown"), "500": answer(500, "InternalError"), "429": answer(429, "TooManyRequests"),
		"reset": cut, "lost": lose, "409": answer(409, "ConditionalRequestConflict"), "408": answer(408, "RequestTimeout"),
		"garbage": func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.WriteHeader(502)
			_, _ = w.Write([]byte("<html>bad gateway"))
		},
	}
	for fault, do := range faults {
		t.Run(fault, func(t *testing.T) {
			for op, run := range operations {
				x, s := ready(t, nil)
				x.add(wireRule{op: op, times: 2, do: do})
				if err := run(t, s); err != nil {
					t.Errorf("%s: %v", op, err)
				}
			}
		})
	}
}

// TestStall cuts attempts in which nothing moves.
func TestStall(t *testing.T) {
	for op, run := range operations {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			x, s := ready(t, impatient)
			x.add(wireRule{op: op, times: 1, do: hang})
			if err := run(t, s); err != nil {
				t.Errorf("one stall: %v", err)
			}
		})
	}
}

// TestLastingFaults end with a kind after a bounded number of attempts.
func TestLastingFaults(t *testing.T) {
	for _, test := range []struct {
		name string
		do   doFunc
		kind object.Kind
	}{
		{"slow down", answer(503, "SlowDown"), object.KindThrottled},
		{"unavailable", answer(503, "ServiceUnavailable"), object.KindUnavailable},
		{"reset", cut, object.KindUnavailable},
		{"denied", answer(403, "AccessDenied"), object.KindDenied},
		{"expired", answer(400, "ExpiredToken"), object.KindDenied},
		{"full", answer(507, "InsufficientStorage"), object.KindQuota},
		{"no bucket", answer(404, "NoSuchBucket"), object.KindNoBucket},
		{"not implemented", answer(501, "NotImplemented"), object.KindUnsupported},
		{"clock", answer(403, "RequestTimeTooSkewed"), object.KindClockSkew},
	} {
		for _, op := range []string{"Get", "Put", "List", "Complete"} {
			x, s := ready(t, func(o *s3backend.Options) { o.MaxRetries = 3 })
			before := x.count(op)
			x.add(wireRule{op: op, do: test.do})
			if err := operations[op](t, s); !object.Is(err, test.kind) {
				t.Errorf("%s of %s: %v, want %v", test.name, op, err, test.kind)
			}
			// Go's own transport asks again on each connection of the pool that is reset.
			if n := x.count(op) - before; n > 8 && test.name != "reset" {
				t.Errorf("%s of %s: %d attempts", test.name, op, n)
			}
		}
	}
}

func TestLastingStall(t *testing.T) {
	x, s := ready(t, func(o *s3backend.Options) { impatient(o); o.MaxRetries = 1 })
	x.add(wireRule{op: "Get", do: hang})
	if err := operations["Get"](t, s); !object.Is(err, object.KindTimeout) {
		t.Errorf("%v, want a time-out", err)
	}
}

// TestOwnWriteAfterLostAnswer: the condition of the second attempt meets what the first one made.
func TestOwnWriteAfterLostAnswer(t *testing.T) {
	x, s := ready(t, nil)
	x.add(wireRule{op: "Put", times: 1, do: lose})
	info, err := s.Put(t.Context(), "lock", object.Bytes(nil), noEntry)
	if err != nil || info.ETag == "" {
		t.Fatalf("%+v, %v", info, err)
	}
	x.add(wireRule{op: "Put", times: 1, do: lose})
	if _, err := s.Put(t.Context(), "lock", object.Bytes([]byte("x")), object.PutOptions{IfMatch: info.ETag}); err != nil {
		t.Errorf("over a version: %v", err)
	}
	x.add(wireRule{op: "Delete", times: 1, do: lose})
	there, err := s.Head(t.Context(), "lock")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), "lock", object.DeleteOptions{IfMatch: there.ETag}); err != nil {
		t.Errorf("delete: %v", err)
	}
}

// TestOthersWriteAfterLostAnswer: an equal object of someone else is not taken for ours.
func TestOthersWriteAfterLostAnswer(t *testing.T) {
	x, s := ready(t, nil)
	other := open(t, options(serve(t, x.next)))
	x.add(wireRule{op: "Put", times: 1, do: func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if _, err := other.Put(r.Context(), "lock", object.Bytes(nil), noEntry); err != nil {
			t.Error(err)
		}
		cut(w, r, next)
	}})
	if _, err := s.Put(t.Context(), "lock", object.Bytes(nil), noEntry); !object.Is(err, object.KindExists) {
		t.Errorf("%v, want exists", err)
	}
}

func TestCompleteLost(t *testing.T) {
	gone := answer(404, "NoSuchUpload")
	x, s := ready(t, nil)
	x.add(wireRule{op: "Complete", times: 1, do: lose}, wireRule{op: "Complete", do: gone})
	if err := operations["Complete"](t, s); err != nil {
		t.Errorf("lost and done: %v", err)
	}
	x, s = ready(t, nil)
	x.add(wireRule{op: "Complete", times: 1, do: cut}, wireRule{op: "Complete", do: gone})
	if err := operations["Complete"](t, s); !errors.Is(err, object.ErrNoUpload) {
		t.Errorf("lost and not done: %v", err)
	}
	x, s = ready(t, nil)
	x.add(wireRule{op: "Complete", do: lose})
	if err := operations["Complete"](t, s); err != nil {
		t.Errorf("every answer lost: %v", err)
	}
	x, s = ready(t, nil)
	x.add(wireRule{op: "Complete", do: cut})
	if err := operations["Complete"](t, s); !object.Is(err, object.KindUnavailable) {
		t.Errorf("never done: %v", err)
	}
}

// TestErrorInGoodAnswer: S3 begins an answer with 200 before it knows the end.
func TestErrorInGoodAnswer(t *testing.T) {
	for _, op := range []string{"Copy", "Complete"} {
		x, s := ready(t, nil)
		x.add(wireRule{op: op, times: 1, do: answer(200, "InternalError")})
		if err := operations[op](t, s); err != nil {
			t.Errorf("%s: %v", op, err)
		}
		x.add(wireRule{op: op, do: answer(200, "InternalError")})
		if err := operations[op](t, s); !object.Is(err, object.KindUnavailable) {
			t.Errorf("%s for ever: %v", op, err)
		}
	}
}

// TestBrokenRead goes on where the connection broke, in the same version.
func TestBrokenRead(t *testing.T) {
	x, s := ready(t, nil)
	x.add(wireRule{op: "Get", times: 5, do: stopAfter(10000)})
	if err := operations["Get"](t, s); err != nil {
		t.Fatal(err)
	}
	head, err := s.Head(t.Context(), "o")
	if err != nil {
		t.Fatal(err)
	}
	for i, h := range x.headers("Get") {
		if i > 0 && strings.Trim(h.Get("If-Match"), `"`) != head.ETag {
			t.Errorf("request %d asks for any version", i)
		}
	}
	x.add(wireRule{op: "Get", times: 1, do: stopAfter(100)})
	r, err := s.Get(t.Context(), "o", object.GetOptions{Offset: 1000, Length: 5000})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if b, err := io.ReadAll(r); err != nil || !bytes.Equal(b, content[1000:6000]) {
		t.Errorf("a range: %d bytes, %v", len(b), err)
	}
}

func TestChangedDuringRead(t *testing.T) {
	x, s := ready(t, nil)
	other := open(t, options(serve(t, x.next)))
	x.add(wireRule{op: "Get", times: 1, do: func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		stopAfter(1000)(w, r, next)
		if _, err := other.Put(t.Context(), "o", object.Bytes([]byte("new")), object.PutOptions{}); err != nil {
			t.Error(err)
		}
	}}, wireRule{op: "Get", times: 1, do: answer(503, "SlowDown")})
	// The answer's first piece may reach the reader before the change: the later pieces must not be of the new version.
	r, err := s.Get(t.Context(), "o", object.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err == nil && !bytes.Equal(b, content) || err != nil && !object.Is(err, object.KindChanged) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

func TestReadThatNeverMoves(t *testing.T) {
	x, s := ready(t, func(o *s3backend.Options) { o.MaxRetries = 3 })
	x.add(wireRule{op: "Get", times: 1, do: stopAfter(1000)}, wireRule{op: "Get", do: stopAfter(0)})
	if err := operations["Get"](t, s); !object.Is(err, object.KindUnavailable, object.KindCorrupt) {
		t.Errorf("%v", err)
	}
}

// TestCorruptRead: the whole object has a checksum, and the bytes do not have it.
func TestCorruptRead(t *testing.T) {
	x, s := ready(t, nil)
	sum := wireCRC(content)
	withSum := func(flip bool) doFunc {
		return change(func(_ *int, h http.Header, body []byte) []byte {
			h.Set("X-Amz-Checksum-Crc64nvme", sum)
			if flip {
				body[len(body)/2] ^= 1
			}
			return body
		})
	}
	x.add(wireRule{op: "Get", times: 1, do: withSum(false)}, wireRule{op: "Get", times: 1, do: withSum(true)})
	if err := operations["Get"](t, s); err != nil {
		t.Errorf("right bytes: %v", err)
	}
	if err := operations["Get"](t, s); !object.Is(err, object.KindCorrupt) {
		t.Errorf("wrong bytes: %v", err)
	}
}

// TestCorruptWrite: what the network changed is refused by the server and sent again.
func TestCorruptWrite(t *testing.T) {
	for _, op := range []string{"Put", "Part"} {
		x, s := ready(t, nil)
		x.add(wireRule{op: op, times: 1, do: func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			b, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			b[len(b)/2] ^= 1
			r.Body = io.NopCloser(bytes.NewReader(b))
			next.ServeHTTP(w, r)
		}})
		before := x.count(op)
		if err := operations[op](t, s); err != nil {
			t.Errorf("%s: %v", op, err)
		}
		if n := x.count(op) - before; n != 2 {
			t.Errorf("%s: %d requests, want 2: the first must be refused", op, n)
		}
	}
}

// TestClockSkew corrects the clock by what the server says.
func TestClockSkew(t *testing.T) {
	const ahead = 2 * time.Hour
	x, s := ready(t, nil)
	x.add(wireRule{do: func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
		signed, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
		if d := time.Until(signed.Add(-ahead)); err != nil || d < -15*time.Minute || d > 15*time.Minute {
			answer(403, "RequestTimeTooSkewed")(w, r, next)
			return
		}
		r.Header.Set("X-Amz-Date", time.Now().UTC().Format("20060102T150405Z"))
		next.ServeHTTP(w, r)
	}})
	if err := operations["Put"](t, s); err != nil {
		t.Error(err)
	}
	if err := operations["Get"](t, s); err != nil {
		t.Error(err)
	}
}
