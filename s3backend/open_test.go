package s3backend_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/sentient-agi/sentientfs/internal/object"
	"github.com/sentient-agi/sentientfs/s3backend"
)

func TestOpenErrors(t *testing.T) {
	url := serve(t, newFake(t))
	x := &wire{next: newFake(t)}
	x.add(wireRule{do: answer(403, "SignatureDoesNotMatch")})
	refusing := serve(t, x)
	for _, test := range []struct {
		name   string
		change func(*s3backend.Options)
		kind   object.Kind
	}{
		{"no bucket named", func(o *s3backend.Options) { o.Bucket = "" }, object.KindInvalid},
		{"no such bucket", func(o *s3backend.Options) { o.Bucket = "another-bucket" }, object.KindNoBucket},
		{"wrong secret", func(o *s3backend.Options) { o.Endpoint = refusing }, object.KindDenied},
		{"nobody there", func(o *s3backend.Options) { o.Endpoint = "http://127.0.0.1:1" }, object.KindUnavailable},
		{"no URL", func(o *s3backend.Options) { o.Endpoint = "localhost:9000" }, object.KindInvalid},
		{"half a pair", func(o *s3backend.Options) { o.Credentials.Secret = "" }, object.KindInvalid},
		{"short SSE-C key", func(o *s3backend.Options) { o.SSECKey = "short" }, object.KindInvalid},
		{"SSE-C key in the clear", func(o *s3backend.Options) {
			o.SSECKey, o.Endpoint = strings.Repeat("k", 32), "http://s3.example.com"
		}, object.KindInvalid},
	} {
		opts := options(url)
		test.change(&opts)
		if _, err := s3backend.Open(t.Context(), opts); !object.Is(err, test.kind) {
			t.Errorf("%s: %v, want %v", test.name, err, test.kind)
		}
	}
}

// TestRegionFromRefusal goes to the region that the header of a redirect names.
func TestRegionFromRefusal(t *testing.T) {
	for name, x := range map[string]wireRule{
		"301": {do: said(301, map[string]string{"X-Amz-Bucket-Region": "eu-central-1"}, "<Error><Code>PermanentRedirect</Code></Error>")},
		"400": {op: "List", do: answer(400, "AuthorizationHeaderMalformed")},
	} {
		w := &wire{next: newFake(t)}
		elsewhere := x.do
		x.do = func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
			if strings.Contains(r.Header.Get("Authorization"), "/eu-central-1/") {
				next.ServeHTTP(rw, r)
				return
			}
			elsewhere(rw, r, next)
		}
		w.add(x, wireRule{op: "HeadBucket", do: said(403, map[string]string{"X-Amz-Bucket-Region": "eu-central-1"}, "")})
		s, err := s3backend.Open(t.Context(), options(serve(t, w)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if s.Region() != "eu-central-1" {
			t.Errorf("%s: region %q", name, s.Region())
		}
		_ = s.Close()
	}
}

// TestHeaders sends how objects are stored with the requests that store them, and how to open them with the others.
func TestHeaders(t *testing.T) {
	key := strings.Repeat("k", 32)
	x, s := ready(t, func(o *s3backend.Options) {
		o.RequesterPays, o.StorageClass, o.ACL, o.SSECKey, o.Version = true, "STANDARD_IA", "bucket-owner-full-control", key, "1.2.3"
	})
	for _, op := range []string{"Head", "Get", "Put", "Copy", "Complete", "Part", "Delete", "List"} {
		_ = operations[op](t, s)
	}
	const sseC, source = "X-Amz-Server-Side-Encryption-Customer-Key", "X-Amz-Copy-Source-Server-Side-Encryption-Customer-Key"
	encoded := base64.StdEncoding.EncodeToString([]byte(key))
	for _, test := range []struct {
		op   string
		want map[string]string
	}{
		{"Put", map[string]string{"X-Amz-Storage-Class": "STANDARD_IA", "X-Amz-Acl": "bucket-owner-full-control", sseC: encoded, source: ""}},
		{"Create", map[string]string{"X-Amz-Storage-Class": "STANDARD_IA", "X-Amz-Acl": "bucket-owner-full-control", sseC: encoded}},
		{"Copy", map[string]string{"X-Amz-Storage-Class": "STANDARD_IA", sseC: encoded, source: encoded}},
		{"Part", map[string]string{"X-Amz-Storage-Class": "", "X-Amz-Acl": "", sseC: encoded}},
		{"Get", map[string]string{sseC: encoded, source: "", "X-Amz-Checksum-Mode": "ENABLED"}},
		{"Head", map[string]string{sseC: encoded}},
		{"Delete", map[string]string{sseC: ""}},
		{"List", map[string]string{sseC: ""}},
	} {
		all := x.headers(test.op)
		if len(all) == 0 {
			t.Errorf("no %s was sent", test.op)
			continue
		}
		h := all[len(all)-1]
		test.want["X-Amz-Request-Payer"], test.want["User-Agent"] = "requester", "sentientfs/1.2.3"
		for name, want := range test.want {
			if h.Get(name) != want {
				t.Errorf("%s sends %s %q, want %q", test.op, name, h.Get(name), want)
			}
		}
	}
	if _, err := s.Put(t.Context(), "small", object.Bytes([]byte("x")), object.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	puts := x.headers("Put")
	if class := puts[len(puts)-1].Get("X-Amz-Storage-Class"); class != "" {
		t.Errorf("a small object goes to %s", class)
	}
}

// TestNoSecretsInLogs runs everything with --debug_s3 and looks for what must not be there.
func TestNoSecretsInLogs(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	key := "0123456789ABCDEF0123456789abcdef"
	opts := s3backend.Options{}
	x, s := ready(t, func(o *s3backend.Options) {
		o.Debug, o.Log, o.SSECKey = log, log, key
		o.Credentials = &s3backend.Static{KeyID: "AKIDEXAMPLE", Secret: "very-secret-key", Token: "session-token-value"}
		opts = *o
	})
	x.add(wireRule{op: "Put", times: 1, do: cut}, wireRule{op: "Get", times: 1, do: answer(403, "AccessDenied")})
	for op := range operations {
		if err := operations[op](t, s); err != nil {
			log.Error("failed", "error", err)
		}
	}
	log.Info("options", "credentials", opts.Credentials, "text", fmt.Sprintf("%v %+v %#v", opts.Credentials, *opts.Credentials, *opts.Credentials))
	text := out.String()
	if !strings.Contains(text, "s3 request") {
		t.Fatal("nothing was logged")
	}
	for _, h := range x.headers("Put") {
		_, signature, ok := strings.Cut(h.Get("Authorization"), "Signature=")
		if !ok || strings.Contains(text, signature) {
			t.Error("a signature is in the log")
		}
	}
	for _, secret := range []string{"AKIDEXAMPLE", "very-secret-key", "session-token-value", key, base64.StdEncoding.EncodeToString([]byte(key)), "AWS4-HMAC"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is in the log", secret)
		}
	}
}

// deaf is a server that takes conditions off each request before it looks at it.
func deaf(t *testing.T) *wire {
	x := &wire{next: newFake(t)}
	x.add(wireRule{do: func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method != "GET" && r.Method != "HEAD" {
			for _, name := range []string{"If-Match", "If-None-Match", "X-Amz-Copy-Source-If-Match"} {
				r.Header.Del(name)
			}
		}
		next.ServeHTTP(w, r)
	}})
	return x
}

// TestMissingTraits: conditions that the server ignores are asked for beforehand.
func TestMissingTraits(t *testing.T) {
	s := open(t, options(serve(t, deaf(t))))
	traits, err := s.Traits(t.Context())
	if err != nil || traits != (object.Traits{BatchDeleteIfMatch: true}) { // whose condition is in the body
		t.Fatalf("%+v, %v", traits, err)
	}
	old, err := s.Put(t.Context(), "o", object.Bytes([]byte("old")), noEntry)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), "o", object.Bytes([]byte("new")), object.PutOptions{IfMatch: old.ETag}); err != nil {
		t.Fatal(err)
	}
	put := func(opts object.PutOptions) error {
		_, err := s.Put(t.Context(), "o", object.Bytes([]byte("x")), opts)
		return err
	}
	complete := func(opts object.PutOptions) error {
		u, err := s.CreateUpload(t.Context(), "o", opts)
		if err != nil {
			return err
		}
		p, err := u.PutPart(t.Context(), 1, object.Bytes([]byte("x")))
		if err == nil {
			_, err = u.Complete(t.Context(), []object.Part{p})
		}
		return err
	}
	copied := func(opts object.CopyOptions) error {
		_, err := s.Copy(t.Context(), "o", "o2", opts)
		return err
	}
	if _, err := s.Put(t.Context(), "o2", object.Bytes([]byte("y")), object.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		err  error
		kind object.Kind
	}{
		"put first":         {put(noEntry), object.KindExists},
		"put over":          {put(object.PutOptions{IfMatch: old.ETag}), object.KindChanged},
		"complete first":    {complete(noEntry), object.KindExists},
		"complete over":     {complete(object.PutOptions{IfMatch: old.ETag}), object.KindChanged},
		"copy first":        {copied(object.CopyOptions{IfNoneMatch: true}), object.KindExists},
		"copy over":         {copied(object.CopyOptions{IfMatch: old.ETag}), object.KindChanged},
		"copy from":         {copied(object.CopyOptions{SourceETag: old.ETag}), object.KindChanged},
		"delete":            {s.Delete(t.Context(), "o", object.DeleteOptions{IfMatch: old.ETag}), object.KindChanged},
		"delete of nothing": {s.Delete(t.Context(), "none", object.DeleteOptions{IfMatch: old.ETag}), object.KindNotFound},
	} {
		if !object.Is(test.err, test.kind) {
			t.Errorf("%s: %v, want %v", name, test.err, test.kind)
		}
	}
	r, err := s.Get(t.Context(), "o", object.GetOptions{})
	if err != nil || r.Info.Size != 3 {
		t.Errorf("the object was touched: %+v, %v", r, err)
	}
}

// TestNoProbeRights: where no object may be written, nothing is taken as given, and the question is not asked each time.
func TestNoProbeRights(t *testing.T) {
	x := &wire{next: newFake(t)}
	x.add(wireRule{op: "Put", do: answer(403, "AccessDenied")})
	s := open(t, options(serve(t, x)))
	for range 3 {
		if traits, err := s.Traits(t.Context()); !object.Is(err, object.KindDenied) || traits != (object.Traits{}) {
			t.Errorf("%+v, %v", traits, err)
		}
	}
	if n := x.count("Put"); n != 1 {
		t.Errorf("%d questions, want 1", n)
	}
}

// TestNoCRC: a server that refuses the checksum is sent the MD5 from then on.
func TestNoCRC(t *testing.T) {
	x := &wire{next: newFake(t)}
	x.add(wireRule{op: "Put", do: func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Header.Get("X-Amz-Checksum-Crc64nvme") != "" {
			answer(400, "InvalidRequest")(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	}})
	s := open(t, options(serve(t, x)))
	for range 2 {
		if _, err := s.Put(t.Context(), "o", object.Bytes(content), object.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	puts := x.headers("Put")
	if len(puts) != 3 || puts[1].Get("Content-Md5") == "" || puts[2].Get("Content-Md5") == "" {
		t.Errorf("%d requests, want one refusal and two with Content-MD5", len(puts))
	}
}
