//go:build linux && !sandbox

package bounds

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/sentient-agi/sentientfs/test/harness"
	"github.com/sentient-agi/sentientfs/test/wirefaults/front"
)

const xmlHead = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

// when is the time of everything that the fronts make up.
const when = "2026-01-02T03:04:05.000Z"

// many answers for n names below "many/", of which none is anywhere.
func many(n int) front.Hook {
	return func(w http.ResponseWriter, r *http.Request, forward http.Handler, _ <-chan struct{}) {
		kind, key := harness.KindOf(r)
		switch q := r.URL.Query(); {
		case kind == "LIST" && q.Get("prefix") == "many/":
			page(w, n, max(q.Get("continuation-token"), q.Get("start-after")), q.Get("max-keys"))
		case kind == "HEAD" && strings.HasPrefix(key, "many/n"):
			w.Header().Set("Content-Length", "11")
			w.Header().Set("ETag", `"`+strings.Repeat("0", 25)+key[6:]+`"`)
			w.Header().Set("Last-Modified", "Fri, 02 Jan 2026 03:04:05 GMT")
			w.Header().Set("X-Amz-Meta-Mode", "33184")
			w.WriteHeader(http.StatusOK)
		default:
			forward.ServeHTTP(w, r)
		}
	}
}

func page(w http.ResponseWriter, n int, after, limit string) {
	first := 0
	if i := strings.LastIndexByte(after, 'n'); i >= 0 {
		last, _ := strconv.Atoi(after[i+1:])
		first = last + 1
	}
	size, err := strconv.Atoi(limit)
	if err != nil || size > 1000 {
		size = 1000
	}
	end := min(n, first+size)
	var b strings.Builder
	fmt.Fprintf(&b, "%s<ListBucketResult><Name>%s</Name><Prefix>many/</Prefix><KeyCount>%d</KeyCount><MaxKeys>%d</MaxKeys><IsTruncated>%v</IsTruncated>",
		xmlHead, harness.Bucket, end-first, size, end < n)
	for i := first; i < end; i++ {
		fmt.Fprintf(&b, "<Contents><Key>many/n%07d</Key><LastModified>%s</LastModified><ETag>&quot;%025d%07d&quot;</ETag><Size>11</Size><StorageClass>STANDARD</StorageClass></Contents>",
			i, when, 0, i)
	}
	if end < n {
		fmt.Fprintf(&b, "<NextContinuationToken>many/n%07d</NextContinuationToken>", end-1)
	}
	b.WriteString("</ListBucketResult>")
	w.Header().Set("Content-Type", "application/xml")
	_, _ = io.WriteString(w, b.String())
}

// A sink takes the object "sink" and keeps its size alone.
type sink struct {
	mu    sync.Mutex
	parts map[int]int64
	done  int64   // size; -1 while there is none
	early []int64 // the sizes of what was completed
}

func (s *sink) hook(w http.ResponseWriter, r *http.Request, forward http.Handler, _ <-chan struct{}) {
	kind, key := harness.KindOf(r)
	if key != "sink" {
		forward.ServeHTTP(w, r)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	const etag = `"00000000000000000000000000000abc"`
	w.Header().Set("ETag", etag)
	switch kind {
	case "CREATE":
		fmt.Fprintf(w, "%s<InitiateMultipartUploadResult><Bucket>%s</Bucket><Key>sink</Key><UploadId>u</UploadId></InitiateMultipartUploadResult>", xmlHead, harness.Bucket)
	case "PUT":
		n, _ := io.Copy(io.Discard, r.Body)
		s.done = n
	case "PARTCOPY":
		var from, to int64
		if _, err := fmt.Sscanf(r.Header.Get("X-Amz-Copy-Source-Range"), "bytes=%d-%d", &from, &to); err != nil || to >= s.done {
			front.Fail(w, http.StatusBadRequest, "InvalidRange")
			return
		}
		number, _ := strconv.Atoi(r.URL.Query().Get("partNumber"))
		s.parts[number] = to - from + 1
		fmt.Fprintf(w, "%s<CopyPartResult><LastModified>%s</LastModified><ETag>&quot;abc&quot;</ETag></CopyPartResult>", xmlHead, when)
	case "PART":
		s.mu.Unlock() // bodies come at the same time
		n, err := io.Copy(io.Discard, r.Body)
		s.mu.Lock()
		number, _ := strconv.Atoi(r.URL.Query().Get("partNumber"))
		if err == nil {
			s.parts[number] = n
		}
	case "COMPLETE":
		s.complete(w, r, etag)
	case "HEAD", "GET":
		if s.done < 0 {
			w.Header().Del("ETag")
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Length", strconv.FormatInt(s.done, 10))
		w.Header().Set("Last-Modified", "Fri, 02 Jan 2026 03:04:05 GMT")
		w.WriteHeader(http.StatusOK)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

func (s *sink) complete(w http.ResponseWriter, r *http.Request, etag string) {
	var want struct {
		Part []struct{ PartNumber int }
	}
	if err := xml.NewDecoder(r.Body).Decode(&want); err != nil {
		front.Fail(w, http.StatusBadRequest, "MalformedXML")
		return
	}
	s.done = 0
	for _, p := range want.Part {
		s.done += s.parts[p.PartNumber]
	}
	s.early = append(s.early, s.done)
	fmt.Fprintf(w, "%s<CompleteMultipartUploadResult><Bucket>%s</Bucket><Key>sink</Key><ETag>%s</ETag></CompleteMultipartUploadResult>",
		xmlHead, harness.Bucket, strings.ReplaceAll(etag, `"`, "&quot;"))
}
