//go:build !sandbox

package names

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Dir is the only folder of the bucket.
const Dir = "names"

// digits make every name sort as its number does.
const digits = 9

// modified is the time of each object. It is old, so that no later version can look the same.
var modified = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// A Server answers for one bucket, whatever its name, in path style.
type Server struct{ N int }

// name of the object i, from 0 to N-1.
func name(i int) string { return fmt.Sprintf("%s/%0*d", Dir, digits, i) }

// after is the number of the first name behind s.
func (s *Server) after(marker string) int {
	rest, ok := strings.CutPrefix(marker, Dir+"/")
	if !ok {
		if marker < Dir+"/" {
			return 0
		}
		return s.N
	}
	i, err := strconv.Atoi(rest)
	if err != nil || len(rest) != digits {
		return 0
	}
	return min(i+1, s.N)
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		refuse(w, http.StatusForbidden, "AccessDenied")
	case key != "":
		s.object(w, r, key)
	case r.Method == http.MethodHead:
		w.Header().Set("x-amz-bucket-region", "us-east-1")
	case r.URL.Query().Has("uploads"):
		fmt.Fprint(w, xml.Header, `<ListMultipartUploadsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></ListMultipartUploadsResult>`)
	case r.URL.Query().Has("location"):
		fmt.Fprint(w, xml.Header, `<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></LocationConstraint>`)
	default:
		s.list(w, r.URL.Query())
	}
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "%s<Error><Code>%s</Code><Message>%s</Message></Error>", xml.Header, code, code)
}

const etag = `"d41d8cd98f00b204e9800998ecf8427e"` // MD5 of nothing

func (s *Server) object(w http.ResponseWriter, r *http.Request, key string) {
	i := s.after(key) - 1
	if i < 0 || i >= s.N || name(i) != key {
		refuse(w, http.StatusNotFound, "NoSuchKey")
		return
	}
	w.Header().Set("ETag", etag)
	w.Header().Set("Last-Modified", modified.Format(http.TimeFormat))
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
}

// result is the answer of both versions of LIST.
type result struct {
	XMLName        xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListBucketResult"`
	Name           string
	Prefix         string
	Delimiter      string `xml:",omitempty"`
	MaxKeys        int
	KeyCount       int
	EncodingType   string `xml:",omitempty"`
	IsTruncated    bool
	NextMarker     string `xml:",omitempty"`
	Token          string `xml:"NextContinuationToken,omitempty"`
	Contents       []content
	CommonPrefixes []prefix
}

type content struct {
	Key          string
	LastModified string
	ETag         string
	Size         int64
	StorageClass string
}

type prefix struct{ Prefix string }

func (s *Server) list(w http.ResponseWriter, q url.Values) {
	res := &result{Name: "names", Prefix: q.Get("prefix"), Delimiter: q.Get("delimiter"), MaxKeys: 1000,
		EncodingType: q.Get("encoding-type")}
	if n, err := strconv.Atoi(q.Get("max-keys")); err == nil {
		res.MaxKeys = max(0, min(n, 1000))
	}
	from := max(q.Get("marker"), q.Get("start-after"), q.Get("continuation-token"))
	switch {
	case s.N == 0 || res.MaxKeys == 0:
	case res.Delimiter != "" && strings.HasPrefix(Dir+"/", res.Prefix) && len(res.Prefix) <= len(Dir):
		if from < Dir+"/" {
			res.CommonPrefixes = []prefix{{Dir + "/"}}
		}
	default:
		s.page(res, from)
	}
	res.KeyCount = len(res.Contents) + len(res.CommonPrefixes)
	w.Header().Set("Content-Type", "application/xml")
	fmt.Fprint(w, xml.Header)
	_ = xml.NewEncoder(w).Encode(res) // fails only if the client is gone
}

// page fills in the names behind from that have the prefix: since all have as many digits, they are neighbors.
func (s *Server) page(res *result, from string) {
	first := 0
	if from != "" {
		first = s.after(from)
	}
	when := modified.Format("2006-01-02T15:04:05.000Z")
	for i := s.seek(res.Prefix, first); i < s.N; i++ {
		key := name(i)
		if !strings.HasPrefix(key, res.Prefix) {
			return
		}
		if len(res.Contents) == res.MaxKeys {
			res.IsTruncated = true
			res.Token = res.Contents[len(res.Contents)-1].Key
			res.NextMarker = res.Token
			return
		}
		res.Contents = append(res.Contents, content{Key: key, LastModified: when, ETag: etag, StorageClass: "STANDARD"})
	}
}

// seek is the first number from first on whose name is not before the prefix.
func (s *Server) seek(prefix string, first int) int {
	rest, ok := strings.CutPrefix(prefix, Dir+"/")
	if !ok {
		if prefix <= Dir+"/" {
			return first
		}
		return s.N
	}
	if len(rest) > digits {
		return s.N
	}
	i, err := strconv.Atoi((rest + strings.Repeat("0", digits))[:digits])
	if err != nil {
		return s.N
	}
	return max(first, i)
}
