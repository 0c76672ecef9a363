//go:build !sandbox

package proxy

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
)

// maxHead bounds the lines before a body. S3 keeps its own below 16 KiB (8 KiB of headers and 2 KiB of metadata).
const maxHead = 64 << 10

// head is what comes before the body of a request or an answer.
type head struct {
	raw     []byte // to be relayed, without Expect
	first   []string
	length  int64 // of the body in bytes, -1 where the head does not say
	chunked bool
	expect  bool
	close   bool
	copied  bool // has a copy source
}

// readHead reads a head; io.EOF where the connection ended before it began.
func readHead(r *bufio.Reader) (*head, error) {
	h := &head{length: -1}
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			if err == io.EOF && (len(h.raw) > 0 || len(line) > 0) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		if len(h.raw)+len(line) > maxHead {
			return nil, fmt.Errorf("a head of more than %d bytes", maxHead)
		}
		if h.first == nil {
			h.first = strings.SplitN(strings.TrimSpace(string(line)), " ", 3)
			if len(h.first) < 2 {
				return nil, fmt.Errorf("no HTTP: %.40q", line)
			}
		} else if !h.field(line) {
			continue
		}
		h.raw = append(h.raw, line...)
		if len(bytes.TrimRight(line, "\r\n")) == 0 {
			return h, nil
		}
	}
}

// field notes one field, and tells whether it is relayed.
func (h *head) field(line []byte) bool {
	name, value, _ := strings.Cut(string(line), ":")
	value = strings.TrimSpace(value)
	switch strings.ToLower(name) {
	case "content-length":
		if n, err := strconv.ParseInt(value, 10, 64); err == nil && n >= 0 {
			h.length = n
		}
	case "transfer-encoding":
		h.chunked = strings.EqualFold(value, "chunked")
	case "connection":
		h.close = strings.EqualFold(value, "close")
	case "x-amz-copy-source":
		h.copied = true
	case "expect":
		h.expect = true
		return false
	}
	return true
}

// status of an answer, 0 where it has none.
func (h *head) status() int {
	n, _ := strconv.Atoi(h.first[1])
	return n
}

// bodiless tells whether an answer to the method has no body whatever its head says (RFC 9112, section 6.3).
func (h *head) bodiless(method string) bool {
	s := h.status()
	return method == "HEAD" || s < 200 || s == 204 || s == 304
}

// Kind names a request: LIST, GET, HEAD, PUT, COPY, DELETE, DELETEMANY, CREATE, PART, PARTCOPY, COMPLETE, ABORT,
// UPLOADS, or BUCKET for the others to the bucket. target is that of the request line, path style.
func Kind(method, target string, copied bool) string {
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return method
	}
	_, key, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	q := u.Query()
	if key == "" {
		switch {
		case method == "POST" && q.Has("delete"):
			return "DELETEMANY"
		case method == "GET" && q.Has("uploads"):
			return "UPLOADS"
		case method == "GET" && (q.Has("list-type") || q.Has("prefix") || q.Has("delimiter") || q.Has("max-keys")):
			return "LIST"
		}
		return "BUCKET"
	}
	part, upload := q.Has("partNumber"), q.Has("uploadId")
	switch {
	case method == "PUT" && part && copied:
		return "PARTCOPY"
	case method == "PUT" && part:
		return "PART"
	case method == "PUT" && copied:
		return "COPY"
	case method == "POST" && q.Has("uploads"):
		return "CREATE"
	case method == "POST" && upload:
		return "COMPLETE"
	case method == "DELETE" && upload:
		return "ABORT"
	}
	return method
}
