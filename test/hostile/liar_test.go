//go:build linux && !sandbox

package hostile

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sentient-agi/sentientfs/test/harness"
	"github.com/sentient-agi/sentientfs/test/wirefaults/front"
)

// maxRSS is what the daemon may have of resident memory under --memory-limit 64M, in KiB (promise P8).
const maxRSS = 128 << 10

// raw answers with bytes of a connection, where net/http would not lie.
func raw(w http.ResponseWriter, text string) {
	conn, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		front.Drop()
	}
	defer conn.Close()
	_, _ = buf.WriteString(text)
	_ = buf.Flush()
	_, _ = io.Copy(io.Discard, io.LimitReader(bufio.NewReader(conn), 0))
}

const listHead = `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><Name>b</Name><Prefix></Prefix><MaxKeys>1000</MaxKeys>`

func object(key, size string) string {
	return "<Contents><Key>" + key + "</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified><ETag>&quot;0123&quot;</ETag><Size>" + size + "</Size></Contents>"
}

// pages answers every LIST with a page that page makes of its number.
func pages(page func(n int64, r *http.Request) string) map[string]lie {
	var n atomic.Int64
	return map[string]lie{"LIST": func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "application/xml")
		_, _ = io.WriteString(w, page(n.Add(1), r))
	}}
}

// head answers HEAD with headers.
func head(headers ...string) map[string]lie {
	return map[string]lie{"HEAD": func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
		if !strings.HasSuffix(r.URL.Path, "/victim") {
			forward.ServeHTTP(w, r)
			return
		}
		raw(w, "HTTP/1.1 200 OK\r\nConnection: close\r\n"+strings.Join(headers, "\r\n")+"\r\n\r\n")
	}}
}

// get answers GET with headers and a body.
func get(body string, headers ...string) map[string]lie {
	return map[string]lie{"GET": func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		status := "200 OK"
		if r.Header.Get("Range") != "" {
			status = "206 Partial Content"
		}
		raw(w, "HTTP/1.1 "+status+"\r\nConnection: close\r\n"+strings.Join(headers, "\r\n")+"\r\n\r\n"+body)
	}}
}

// stream answers a kind with a body without end.
func stream(kind, start, again string) map[string]lie {
	return map[string]lie{kind: func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "application/xml")
		if _, err := io.WriteString(w, start); err != nil {
			return
		}
		piece := strings.Repeat(again, 1+32_768/len(again))
		for sent := 0; sent < 2<<30; sent += len(piece) {
			if _, err := io.WriteString(w, piece); err != nil {
				return
			}
		}
	}}
}

type lie = func(w http.ResponseWriter, r *http.Request, forward http.Handler)

const (
	etag     = `ETag: "d41d8cd98f00b204e9800998ecf8427e"`
	modified = "Last-Modified: Fri, 02 Jan 2026 03:04:05 GMT"
)

var lies = map[string]map[string]lie{
	"head: negative size":  head("Content-Length: -5", etag, modified),
	"head: enormous size":  head("Content-Length: 9223372036854775807", etag, modified),
	"head: size overflows": head("Content-Length: 99999999999999999999999", etag, modified),
	"head: no etag":        head("Content-Length: 5", modified),
	"head: no date":        head("Content-Length: 5", etag, "Last-Modified: yesterday"),
	"head: long etag":      head("Content-Length: 5", `ETag: "`+strings.Repeat("e", 60_000)+`"`, modified),
	"head: two megabytes":  head("Content-Length: 5", etag, modified, "X-Amz-Meta-A: "+strings.Repeat("m", 2<<20)),
	"get: too short":       get("abc", "Content-Length: 4194304", etag, modified, "Content-Range: bytes 0-4194303/4194304"),
	"get: too long":        get(strings.Repeat("z", 1<<20), "Content-Length: 1048576", etag, modified, "Content-Range: bytes 0-1/2"),
	"get: other range":     get("abc", "Content-Length: 3", etag, modified, "Content-Range: bytes 900-902/4194304"),
	"get: negative":        get("abc", "Content-Length: -3", etag, modified, "Content-Range: bytes -9--3/-7"),
	"get: no length":       get("abc", etag, modified),
	"get: huge total":      get("abc", "Content-Length: 3", etag, modified, "Content-Range: bytes 0-2/9223372036854775807"),
	"get: endless":         stream("GET", "", "endless "),
	"get: another etag": {"GET": func() lie {
		var n atomic.Int64
		return func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
			r.Header.Del("If-Match")
			forward.ServeHTTP(etagWriter{w, fmt.Sprintf(`"%032x"`, n.Add(1))}, r)
		}
	}()},
	"list: the same token": pages(func(int64, *http.Request) string {
		return listHead + "<IsTruncated>true</IsTruncated><NextContinuationToken>again</NextContinuationToken>" + object("same", "1") + "</ListBucketResult>"
	}),
	"list: no token": pages(func(int64, *http.Request) string {
		return listHead + "<IsTruncated>true</IsTruncated>" + object("one", "1") + "</ListBucketResult>"
	}),
	"list: empty pages": pages(func(n int64, _ *http.Request) string {
		return listHead + fmt.Sprintf("<IsTruncated>true</IsTruncated><NextContinuationToken>t%d</NextContinuationToken></ListBucketResult>", n)
	}),
	"list: backwards": pages(func(n int64, _ *http.Request) string {
		return listHead + fmt.Sprintf("<IsTruncated>true</IsTruncated><NextContinuationToken>t%d</NextContinuationToken>%s</ListBucketResult>",
			n, object(fmt.Sprintf("k%09d", 999_999_999-n), "1"))
	}),
	"list: odd sizes": pages(func(_ int64, r *http.Request) string {
		p := r.URL.Query().Get("prefix")
		return listHead + "<IsTruncated>false</IsTruncated>" + object(p+"negative", "-1") + object(p+"huge", "9223372036854775807") + object(p+"none", "") +
			object(p+"overflow", "99999999999999999999999") + object(p+"victim", "5") + "</ListBucketResult>"
	}),
	"list: other prefix": pages(func(_ int64, r *http.Request) string {
		return listHead + "<IsTruncated>false</IsTruncated>" + object("elsewhere/x", "1") + object("", "1") + object("/", "1") + object("..", "1") +
			"<CommonPrefixes><Prefix>../</Prefix></CommonPrefixes><CommonPrefixes><Prefix></Prefix></CommonPrefixes></ListBucketResult>"
	}),
	"list: no xml":        pages(func(int64, *http.Request) string { return "<html>captive portal" }),
	"list: deep xml":      stream("LIST", listHead, "<a>"),
	"list: a long name":   stream("LIST", listHead+"<Contents><Key>", "name"),
	"list: many in one":   stream("LIST", listHead+"<IsTruncated>false</IsTruncated>", object("n", "1")),
	"error: a long one":   {"HEAD": status404, "GET": func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { longError(w) }},
	"put: another answer": {"PUT": func(w http.ResponseWriter, r *http.Request, _ http.Handler) { _, _ = io.Copy(io.Discard, r.Body) }},
}

func status404(w http.ResponseWriter, r *http.Request, forward http.Handler) { forward.ServeHTTP(w, r) }

func longError(w http.ResponseWriter) {
	w.WriteHeader(http.StatusForbidden)
	piece := strings.Repeat("<Code>x</Code>", 4096)
	for range 20_000 {
		if _, err := io.WriteString(w, piece); err != nil {
			return
		}
	}
}

// etagWriter changes the ETag of an answer.
type etagWriter struct {
	http.ResponseWriter
	etag string
}

func (w etagWriter) WriteHeader(status int) {
	w.Header().Set("ETag", w.etag)
	w.ResponseWriter.WriteHeader(status)
}

// TestP9ServerLies: each lie ends in an error or in nothing, the daemon keeps its memory, and when the server is honest
// again the mount shows the truth.
func TestP9ServerLies(t *testing.T) {
	if harness.Plain() {
		t.Skip("a plain folder has no server")
	}
	var told, believed atomic.Int64
	t.Run("lies", func(t *testing.T) {
		for i, name := range slices.Sorted(maps.Keys(lies)) {
			if l := lies[name]; !testing.Short() || i%4 == 0 {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					told.Add(int64(lied(t, l)))
					if t.Failed() {
						believed.Add(1)
					}
				})
			}
		}
	})
	fmt.Printf("figure: hostile: %d sorts of lies, told %d times, violations %d\n", len(lies), told.Load(), believed.Load())
}

// lied tells one lie to a mount of its own and returns how often it was told.
func lied(t *testing.T, l map[string]lie) int {
	t.Helper()
	s := harness.StartServer(t, harness.Fake)
	truth := strings.Repeat("the truth\n", 400_000)
	s.Put(t, "victim", []byte(truth), nil)
	s.Put(t, "d/victim", []byte(truth), nil)
	f := front.New(t, s)
	m := harness.NewMount(t, harness.MountOptions{Server: s, Endpoint: f.Endpoint, Args: []string{"--memory-limit", "64M",
		"--http-timeout", "300ms", "--stat-cache-ttl", "0s", "--type-cache-ttl", "0s", "--unmount-timeout", "5s"}})
	var told atomic.Int64
	f.Use(func(w http.ResponseWriter, r *http.Request, forward http.Handler, _ <-chan struct{}) {
		kind, _ := harness.KindOf(r)
		if lie := l[kind]; lie != nil {
			told.Add(1)
			lie(w, r, forward)
			return
		}
		forward.ServeHTTP(w, r)
	})
	_ = ends(t, "a stat", func() error { _, err := os.Stat(m.Path("victim")); return err })
	_ = ends(t, "a read", func() error { return readSome(m.Path("d", "victim")) })
	_ = ends(t, "a listing", func() error { return listSome(m.Dir) })
	_ = ends(t, "a write", func() error { return os.WriteFile(m.Path("written"), []byte("text"), 0o644) })
	alive(t, m, "the lie")
	if told.Load() == 0 {
		t.Error("the lie was never told")
	}
	f.Use(nil)
	for _, path := range []string{"victim", "d/victim"} {
		var got []byte
		err := ends(t, "a read of the truth", func() (err error) { got, err = os.ReadFile(m.Path(path)); return err })
		if err != nil || string(got) != truth {
			t.Errorf("after the lie %s reads %d bytes of %d, %v", path, len(got), len(truth), err)
		}
	}
	if kib := peak(t, m); kib > maxRSS {
		t.Errorf("the daemon had %d MiB of resident memory, at most %d are promised", kib>>10, maxRSS>>10)
	}
	return int(told.Load())
}

// readSome reads what an endless file would not end.
func readSome(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.CopyN(io.Discard, f, 16<<20)
	return err
}

// listSome lists what an endless folder would not end.
func listSome(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for range 20 {
		if _, err := f.ReadDir(1000); err != nil {
			return err
		}
	}
	return nil
}

func peak(t *testing.T, m *harness.Mount) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", m.Pid()))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, _ := strconv.Atoi(strings.Fields(rest)[0])
			return n
		}
	}
	t.Fatal("no VmHWM")
	return 0
}
