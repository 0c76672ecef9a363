package s3backend

import (
	"context"
	"fmt"
	"net/url"
	"sort"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/sentient-agi/sentientfs/internal/object"
)

const (
	// maxPage is the most names of one page (the API reference of ListObjectsV2).
	maxPage = 1000
	// maxEmptyPages is how many pages without a name may follow each other: S3 makes some where many versions were
	// deleted, a broken server makes them for ever.
	maxEmptyPages = 1000
)

// cursor is what a Page.Next carries: the server's token, and what proves that the listing moves.
type cursor struct {
	empty int    // pages without names so far
	last  string // the last name so far
	token string
}

func (c cursor) String() string {
	return strconv.Itoa(c.empty) + ":" + strconv.Itoa(len(c.last)) + ":" + c.last + c.token
}

func parseCursor(s string) (cursor, error) {
	empty, rest, ok1 := strings.Cut(s, ":")
	length, rest, ok2 := strings.Cut(rest, ":")
	e, err1 := strconv.Atoi(empty)
	n, err2 := strconv.Atoi(length)
	if !ok1 || !ok2 || err1 != nil || err2 != nil || n < 0 || n > len(rest) {
		return cursor{}, fmt.Errorf("token %q is not of this store", s)
	}
	return cursor{e, rest[:n], rest[n:]}, nil
}

// List implements object.Store.
func (s *Store) List(ctx context.Context, opts object.ListOptions) (object.Page, error) {
	const op = "ListObjectsV2"
	prefix := s.prefix + opts.Prefix
	in := &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: &prefix, EncodingType: types.EncodingTypeUrl}
	if opts.Delimiter != "" {
		in.Delimiter = &opts.Delimiter
	}
	if opts.Limit > 0 && opts.Limit < maxPage {
		in.MaxKeys = aws.Int32(int32(opts.Limit))
	}
	at := cursor{last: opts.StartAfter}
	switch {
	case opts.Token != "":
		var err error
		if at, err = parseCursor(opts.Token); err != nil {
			return object.Page{}, &object.Error{Op: op, Key: opts.Prefix, Kind: object.KindInvalid, Err: err}
		}
		in.ContinuationToken = &at.token
	case opts.StartAfter != "":
		in.StartAfter = aws.String(s.prefix + opts.StartAfter)
	}
	var page object.Page
	err := s.do(ctx, op, opts.Prefix, func(ctx context.Context, _ attempt) error {
		out, err := s.client.ListObjectsV2(ctx, in)
		if err != nil {
			return err
		}
		page, err = s.readPage(out, opts, at)
		return err
	})
	return page, err
}

// readPage believes a page only where its names lie below the prefix, behind what was read, and go on.
func (s *Store) readPage(out *s3.ListObjectsV2Output, opts object.ListOptions, at cursor) (object.Page, error) {
	var page object.Page
	if out.Name == nil && out.KeyCount == nil && out.IsTruncated == nil {
		return page, &answerError{"an answer to LIST that says nothing"}
	}
	if n := len(out.Contents) + len(out.CommonPrefixes); n > maxPage {
		return page, &answerError{fmt.Sprintf("a page of %d names", n)}
	}
	decode := func(name *string) (string, error) { return s.listed(name, out.EncodingType, opts.Prefix) }
	for _, o := range out.Contents {
		key, err := decode(o.Key)
		if err != nil {
			return page, err
		}
		if o.Size == nil || *o.Size < 0 {
			return page, &answerError{fmt.Sprintf("no size for %q", key)}
		}
		if key == "" {
			continue // the marker of the mount's own prefix
		}
		page.Objects = append(page.Objects, object.Info{Key: key, Size: *o.Size, ETag: unquote(o.ETag), LastModified: timeOf(o.LastModified)})
	}
	for _, p := range out.CommonPrefixes {
		prefix, err := decode(p.Prefix)
		if err != nil {
			return page, err
		}
		page.Prefixes = append(page.Prefixes, prefix)
	}
	sort.Slice(page.Objects, func(i, j int) bool { return page.Objects[i].Key < page.Objects[j].Key })
	sort.Strings(page.Prefixes)
	return s.goOn(page, out, opts, at)
}

// goOn makes the token of the next page and ends a listing that goes round in circles.
func (s *Store) goOn(page object.Page, out *s3.ListObjectsV2Output, opts object.ListOptions, at cursor) (object.Page, error) {
	// Some servers tell a common prefix again on the page behind it.
	if n := len(page.Prefixes); opts.Token != "" && n > 0 && page.Prefixes[0] == at.last {
		page.Prefixes = page.Prefixes[1:n]
	}
	first, last := "", ""
	for _, names := range [][]string{keysOf(page.Objects), page.Prefixes} {
		if len(names) > 0 {
			if first == "" || names[0] < first {
				first = names[0]
			}
			last = max(last, names[len(names)-1])
		}
	}
	empty := last == ""
	// With StartAfter the common prefix that holds that key is named, and it sorts before the key.
	inside := opts.Token == "" && opts.Delimiter != "" && strings.HasPrefix(at.last, first)
	if !empty && at.last != "" && first <= at.last && !inside {
		return page, &answerError{fmt.Sprintf("the name %q comes behind %q", first, at.last)}
	}
	if page.More = aws.ToBool(out.IsTruncated); !page.More {
		return page, nil
	}
	next := cursor{last: max(at.last, last), token: aws.ToString(out.NextContinuationToken)}
	if empty {
		next.empty = at.empty + 1
	}
	if next.token == "" || next.token == at.token || next.empty > maxEmptyPages {
		return page, &answerError{"a listing that does not go on"}
	}
	page.Next = next.String()
	return page, nil
}

func keysOf(objects []object.Info) []string {
	keys := make([]string, len(objects))
	for i, o := range objects {
		keys[i] = o.Key
	}
	return keys
}

// listed is a name of a listing as a key of this Store.
func (s *Store) listed(name *string, encoding types.EncodingType, prefix string) (string, error) {
	key := aws.ToString(name)
	if encoding == types.EncodingTypeUrl {
		decoded, err := url.QueryUnescape(key)
		if err != nil {
			return "", &answerError{fmt.Sprintf("the name %q is not escaped as it should be", key)}
		}
		key = decoded
	}
	if !strings.HasPrefix(key, s.prefix+prefix) || len(key) > maxKey {
		return "", &answerError{fmt.Sprintf("the name %q is not below %q", key, s.prefix+prefix)}
	}
	return key[len(s.prefix):], nil
}

// ListUploads implements object.UploadLister.
func (s *Store) ListUploads(ctx context.Context, prefix string) ([]object.PendingUpload, error) {
	const op = "ListMultipartUploads"
	full := s.prefix + prefix
	in := &s3.ListMultipartUploadsInput{Bucket: &s.bucket, Prefix: &full, EncodingType: types.EncodingTypeUrl}
	var list []object.PendingUpload
	err := s.do(ctx, op, prefix, func(ctx context.Context, _ attempt) error {
		list = nil
		out, err := s.client.ListMultipartUploads(ctx, in)
		if err != nil {
			return err
		}
		for _, u := range out.Uploads[:min(len(out.Uploads), maxPage)] {
			key, err := s.listed(u.Key, out.EncodingType, prefix)
			if err != nil {
				return err
			}
			list = append(list, object.PendingUpload{Key: key, ID: aws.ToString(u.UploadId), Started: timeOf(u.Initiated)})
		}
		return nil
	})
	return list, err
}
