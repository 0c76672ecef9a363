package s3backend

import (
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// debugLog writes one line for each request on the wire. It names what may be seen, and nothing else: everything that
// signs or opens something travels in headers or query fields that are not on its lists.
type debugLog struct{ to *slog.Logger }

func newDebugLog(to *slog.Logger) *debugLog {
	if to == nil {
		return nil
	}
	return &debugLog{to: to}
}

var (
	shownQuery = []string{"list-type", "prefix", "delimiter", "start-after", "max-keys", "encoding-type", "uploads",
		"uploadId", "partNumber", "delete", "location", "continuation-token"}
	shownRequest = []string{"Range", "If-Match", "If-None-Match", "Content-Length", "X-Amz-Copy-Source",
		"X-Amz-Copy-Source-Range", "X-Amz-Copy-Source-If-Match", "X-Amz-Storage-Class", "X-Amz-Acl",
		"X-Amz-Checksum-Crc64nvme", "X-Amz-Metadata-Directive"}
	shownAnswer = []string{"Content-Length", "Content-Range", "Etag", "Last-Modified", "X-Amz-Request-Id",
		"X-Amz-Id-2", "X-Amz-Bucket-Region", "Retry-After"}
)

func (d *debugLog) log(req *http.Request, resp *http.Response, err error, took time.Duration) {
	if d == nil {
		return
	}
	attrs := []any{"method", req.Method, "host", req.URL.Host, "path", req.URL.Path}
	query := req.URL.Query()
	for _, name := range shownQuery {
		if v, ok := query[name]; ok {
			attrs = append(attrs, name, strings.Join(v, ","))
		}
	}
	attrs = append(attrs, slog.Group("sent", shown(req.Header, shownRequest)...), "took", took)
	if resp == nil {
		d.to.Debug("s3 request failed", append(attrs, "error", err)...)
		return
	}
	d.to.Debug("s3 request", append(attrs, "status", resp.StatusCode, slog.Group("got", shown(resp.Header, shownAnswer)...))...)
}

func shown(h http.Header, names []string) []any {
	var attrs []any
	for _, name := range names {
		if v := h.Get(name); v != "" {
			attrs = append(attrs, strings.ToLower(name), v)
		}
	}
	return attrs
}
