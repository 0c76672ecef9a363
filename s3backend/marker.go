package s3backend

import (
	"context"
	"strings"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// copyMarker copies an object whose key ends with a slash, as those do that stand for directories. versitygw takes no
// copy of one, and its ETag tells nothing as it is empty: it is put instead, on the conditions of the copy.
func (s *Store) copyMarker(ctx context.Context, dst, src string, opts object.CopyOptions) (object.Info, error) {
	from, err := s.Head(ctx, src)
	if err != nil {
		return object.Info{}, err
	}
	if opts.SourceETag != "" && from.ETag != opts.SourceETag {
		return object.Info{}, &object.Error{Op: "CopyObject", Key: src, Kind: object.KindChanged}
	}
	if from.Size != 0 {
		return object.Info{}, &object.Error{Op: "CopyObject", Key: dst, Kind: object.KindInvalid}
	}
	put := object.PutOptions{Metadata: opts.Metadata, ContentType: opts.ContentType, IfMatch: opts.IfMatch,
		IfNoneMatch: opts.IfNoneMatch}
	if put.Metadata == nil {
		put.Metadata, put.ContentType = from.Metadata, from.ContentType
	}
	return s.Put(ctx, dst, object.Bytes(nil), put)
}

// isMarker tells whether a key is that of an object that stands for a directory.
func isMarker(key string) bool { return strings.HasSuffix(key, "/") }
