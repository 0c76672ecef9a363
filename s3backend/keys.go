package s3backend

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// maxKey is the most bytes of a key with the prefix of the mount ("Naming Amazon S3 objects").
const maxKey = 1024

// full is the key in the bucket, or why there can be none.
func (s *Store) full(op, key string) (string, error) {
	full := s.prefix + key
	var why error
	switch {
	case key == "":
		why = fmt.Errorf("the key is empty")
	case len(full) > maxKey:
		why = fmt.Errorf("the key has %d bytes with its prefix, at most %d are possible", len(full), maxKey)
	case !utf8.ValidString(full):
		why = fmt.Errorf("the key is not UTF-8")
	case strings.ContainsRune(full, 0):
		why = fmt.Errorf("the key contains a zero byte")
	}
	if why != nil {
		return "", &object.Error{Op: op, Key: key, Kind: object.KindInvalid, Err: why}
	}
	return full, nil
}

// copySource is the header's form of a key: everything but unreserved characters and slashes is escaped, "+" too,
// which servers read as a space otherwise.
func (s *Store) copySource(full string) string {
	var b strings.Builder
	b.WriteString(s.bucket)
	b.WriteByte('/')
	for i := range len(full) {
		c := full[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~/", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func quote(etag string) *string {
	q := `"` + etag + `"`
	return &q
}

func unquote(etag *string) string {
	if etag == nil {
		return ""
	}
	return strings.Trim(strings.TrimPrefix(*etag, "W/"), `"`)
}
