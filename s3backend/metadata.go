package s3backend

import (
	"encoding/base64"
	"fmt"
	"mime"
	"strings"

	"github.com/sentient-agi/sentientfs/internal/object"
)

const (
	// maxMetadata is S3's limit for keys and values together, in bytes ("Working with object metadata").
	maxMetadata = 2048
	// tokenKey is metadata of our own, hidden from users: it tells our object from an equal one that someone else
	// made, when the answer to a conditional PUT was lost and the next attempt meets an object.
	tokenKey = "sentientfs-put"
)

// encodeMetadata makes header values of any bytes: what HTTP would change goes as an RFC 2047 word, which is how S3
// itself tells such values.
func encodeMetadata(op, key string, metadata map[string]string) (map[string]string, error) {
	encoded := make(map[string]string, len(metadata))
	n := 0
	for k, v := range metadata {
		if !isToken(k) || k != strings.ToLower(k) {
			return nil, &object.Error{Op: op, Key: key, Kind: object.KindInvalid, Err: fmt.Errorf("%q cannot name metadata", k)}
		}
		encoded[k] = encodeValue(v)
		n += len(k) + len(encoded[k])
	}
	if n > maxMetadata {
		return nil, &object.Error{Op: op, Key: key, Kind: object.KindTooLarge,
			Err: fmt.Errorf("%d bytes of metadata, at most %d are possible", n, maxMetadata)}
	}
	return encoded, nil
}

func size(metadata map[string]string) int {
	n := 0
	for k, v := range metadata {
		n += len(k) + len(v)
	}
	return n
}

// encodeValue leaves alone what arrives as it is. Spaces at the ends are cut on the way and runs of spaces are folded
// by signers; "=?" would be taken for a word.
func encodeValue(v string) string {
	plain := v == strings.Trim(v, " ") && !strings.Contains(v, "  ") && !strings.Contains(v, "=?")
	for i := 0; plain && i < len(v); i++ {
		plain = v[i] >= ' ' && v[i] < 0x7f
	}
	if plain {
		return v
	}
	return "=?UTF-8?B?" + base64.StdEncoding.EncodeToString([]byte(v)) + "?="
}

var words mime.WordDecoder

// decodeMetadata reads what an answer tells; it is never nil.
func decodeMetadata(headers map[string]string) map[string]string {
	metadata := make(map[string]string, len(headers))
	for k, v := range headers {
		if k = strings.ToLower(k); k == tokenKey {
			continue
		}
		if strings.Contains(v, "=?") {
			if d, err := words.DecodeHeader(v); err == nil {
				v = d
			}
		}
		metadata[k] = v
	}
	return metadata
}

// isToken tells whether s can be part of a header's name (RFC 9110, section 5.6.2).
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}
