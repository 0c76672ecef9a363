package s3backend_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sentient-agi/sentientfs/internal/object"
	"github.com/sentient-agi/sentientfs/s3backend"
)

// said answers with exactly this.
func said(status int, header map[string]string, body string) doFunc {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		_, _ = io.Copy(io.Discard, r.Body)
		for k, v := range header {
			w.Header().Set(k, v)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func listing(inner string) string {
	return `<?xml version="1.0"?><ListBucketResult><Name>b</Name>` + inner + `</ListBucketResult>`
}

func entry(key string, size string) string {
	return `<Contents><Key>` + key + `</Key><Size>` + size + `</Size><ETag>"x"</ETag></Contents>`
}

// TestHostileAnswers gives answers that cannot be true. None is believed, and each attempt ends.
func TestHostileAnswers(t *testing.T) {
	etag := map[string]string{"Etag": `"e"`}
	with := func(k, v string) map[string]string { return map[string]string{"Etag": `"e"`, k: v} }
	for _, test := range []struct {
		name, op string
		do       doFunc
	}{
		{"empty listing", "List", said(200, nil, "")},
		{"no XML", "List", said(200, nil, "<html><body>hello")},
		{"cut XML", "List", said(200, nil, listing(entry("a", "1"))[:70])},
		{"negative size", "List", said(200, nil, listing(entry("a", "-1")))},
		{"no size", "List", said(200, nil, listing("<Contents><Key>a</Key></Contents>"))},
		{"overflowing size", "List", said(200, nil, listing(entry("a", "99999999999999999999")))},
		{"bad escape", "List", said(200, nil, listing("<EncodingType>url</EncodingType>"+entry("%zz", "1")))},
		{"long key", "List", said(200, nil, listing(entry(strings.Repeat("k", 2000), "1")))},
		{"too many names", "List", said(200, nil, listing(strings.Repeat(entry("a", "1"), 1500)))},
		{"more without a token", "List", said(200, nil, listing("<IsTruncated>true</IsTruncated>"+entry("a", "1")))},
		{"head without anything", "Head", said(200, nil, "")},
		{"get without ETag", "Get", said(200, nil, "abc")},
		{"wrong range", "Get", said(206, with("Content-Range", "bytes 5-7/100"), "abc")},
		{"range of another length", "Get", said(206, with("Content-Range", "bytes 0-99/100"), "abc")},
		{"range that is none", "Get", said(206, with("Content-Range", "bytes 9-2/x"), "abc")},
		{"put without ETag", "Put", said(200, nil, "")},
		{"put with another checksum", "Put", said(200, with("X-Amz-Checksum-Crc64nvme", "AAAAAAAAAAA="), "")},
		{"copy without a result", "Copy", said(200, nil, "<CopyObjectResult></CopyObjectResult>")},
		{"empty copy", "Copy", said(200, etag, "")},
		{"upload without an id", "Create", said(200, nil, "<InitiateMultipartUploadResult></InitiateMultipartUploadResult>")},
		{"part without ETag", "Part", said(200, nil, "")},
		{"complete without ETag", "Complete", said(200, nil, "<CompleteMultipartUploadResult></CompleteMultipartUploadResult>")},
	} {
		t.Run(test.name, func(t *testing.T) {
			x, s := ready(t, func(o *s3backend.Options) { o.MaxRetries = 1 })
			x.add(wireRule{op: test.op, do: test.do})
			if err := operations[test.op](t, s); !object.Is(err, object.KindCorrupt) {
				t.Errorf("%v, want corrupt", err)
			}
		})
	}
}

// TestEndlessAnswer is cut when it is longer than any honest one.
func TestEndlessAnswer(t *testing.T) {
	x, s := ready(t, func(o *s3backend.Options) { o.MaxRetries = -1 })
	x.add(wireRule{op: "List", do: func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		_, _ = io.WriteString(w, "<ListBucketResult>")
		for junk := bytes.Repeat([]byte("<x>junk</x>"), 1000); ; {
			if _, err := w.Write(junk); err != nil {
				return
			}
		}
	}})
	if _, err := s.List(t.Context(), object.ListOptions{}); !object.Is(err, object.KindCorrupt) {
		t.Errorf("%v, want corrupt", err)
	}
}

// TestCircularListing gives the same page under new tokens, and pages without names, for ever.
func TestCircularListing(t *testing.T) {
	for name, inner := range map[string]string{"same page": entry("a", "1"), "no names": ""} {
		x, s := ready(t, func(o *s3backend.Options) { o.MaxRetries = -1 })
		n := 0
		x.add(wireRule{op: "List", do: func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			n++
			said(200, nil, listing(fmt.Sprintf("<IsTruncated>true</IsTruncated><NextContinuationToken>t%d</NextContinuationToken>", n)+inner))(w, r, next)
		}})
		var opts object.ListOptions
		for {
			page, err := s.List(t.Context(), opts)
			if err != nil {
				if !object.Is(err, object.KindCorrupt) {
					t.Errorf("%s: %v, want corrupt", name, err)
				}
				break
			}
			if opts.Token = page.Next; n > 3000 {
				t.Fatalf("%s: goes on after %d pages", name, n)
			}
		}
	}
}

// TestOtherVersion: a server that ignores If-Match is not believed.
func TestOtherVersion(t *testing.T) {
	x, s := ready(t, nil)
	x.add(wireRule{op: "Get", do: said(200, map[string]string{"Etag": `"other"`}, "abc")})
	if _, err := s.Get(t.Context(), "o", object.GetOptions{IfMatch: "mine"}); !object.Is(err, object.KindChanged) {
		t.Errorf("%v, want changed", err)
	}
}

// TestIgnoredRange: the whole is fine where it begins with what was wanted, and nowhere else.
func TestIgnoredRange(t *testing.T) {
	x, s := ready(t, func(o *s3backend.Options) { o.MaxRetries = -1 })
	x.add(wireRule{op: "Get", do: said(200, map[string]string{"Etag": `"e"`}, "0123456789")})
	r, err := s.Get(t.Context(), "o", object.GetOptions{Length: 4})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if b, err := io.ReadAll(r); err != nil || string(b) != "0123" || r.Info.Size != 10 {
		t.Errorf("%q of %d, %v", b, r.Info.Size, err)
	}
	if _, err := s.Get(t.Context(), "o", object.GetOptions{Offset: 4, Length: 4}); !object.Is(err, object.KindUnsupported) {
		t.Errorf("%v, want unsupported", err)
	}
}
