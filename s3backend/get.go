package s3backend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// Head implements object.Store.
func (s *Store) Head(ctx context.Context, key string) (object.Info, error) {
	info, _, err := s.head(ctx, key)
	return info, err
}

// head also returns the token of the PUT that made the object, "" if it has none.
func (s *Store) head(ctx context.Context, key string) (info object.Info, token string, err error) {
	const op = "HeadObject"
	full, err := s.full(op, key)
	if err != nil {
		return info, "", err
	}
	in := &s3.HeadObjectInput{Bucket: &s.bucket, Key: &full}
	if sumMode(s.sums.Load()) != sumNone {
		in.ChecksumMode = types.ChecksumModeEnabled
	}
	err = s.do(ctx, op, key, func(ctx context.Context, _ attempt) error {
		out, err := s.client.HeadObject(ctx, in)
		if err != nil {
			return err
		}
		if out.ContentLength == nil || *out.ContentLength < 0 || out.ETag == nil {
			return &answerError{"an answer to HEAD without size or ETag"}
		}
		info = object.Info{Key: key, Size: *out.ContentLength, ETag: unquote(out.ETag), LastModified: timeOf(out.LastModified),
			Metadata: decodeMetadata(out.Metadata), ContentType: aws.ToString(out.ContentType), CRC64NVME: decodeCRC(out.ChecksumCRC64NVME)}
		token = out.Metadata[tokenKey]
		return nil
	})
	return info, token, err
}

func timeOf(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Second)
}

// Get implements object.Store.
func (s *Store) Get(ctx context.Context, key string, opts object.GetOptions) (*object.Reader, error) {
	const op = "GetObject"
	full, err := s.full(op, key)
	if err != nil {
		return nil, err
	}
	if opts.Offset < 0 || opts.Length < 0 {
		return nil, &object.Error{Op: op, Key: key, Kind: object.KindInvalid,
			Err: fmt.Errorf("offset %d, length %d", opts.Offset, opts.Length)}
	}
	b := &getBody{s: s, ctx: ctx, key: key, full: full, opts: opts, pos: opts.Offset}
	var info object.Info
	err = s.do(ctx, op, key, func(ctx context.Context, _ attempt) error {
		info, err = b.open(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &object.Reader{ReadCloser: b, Info: info}, nil
}

// getBody is the body of a Get. When its connection breaks it goes on from where it was, in the same version.
type getBody struct {
	s         *Store
	ctx       context.Context
	key, full string
	opts      object.GetOptions

	pos, end int64  // of the object: the next byte, and behind the last one
	etag     string // of the version that is read
	body     io.ReadCloser
	check    *checker // nil for ranges and where nothing is known
	tries    int      // since a byte came
	err      error    // what ended it
}

// open asks for what is left. The first time it also learns what the object is.
func (b *getBody) open(ctx context.Context) (object.Info, error) {
	in := &s3.GetObjectInput{Bucket: &b.s.bucket, Key: &b.full}
	again := b.etag != ""
	switch {
	case again:
		in.IfMatch = quote(b.etag)
		if b.opts.Offset != 0 || b.pos != 0 || b.opts.Length != 0 {
			in.Range = aws.String(fmt.Sprintf("bytes=%d-%d", b.pos, b.end-1))
		}
	case b.opts.IfMatch != "":
		in.IfMatch = quote(b.opts.IfMatch)
	case b.opts.IfNoneMatch != "":
		in.IfNoneMatch = quote(b.opts.IfNoneMatch)
	}
	if !again && b.opts.Length > 0 {
		in.Range = aws.String(fmt.Sprintf("bytes=%d-%d", b.pos, b.pos+b.opts.Length-1))
	} else if !again && b.pos > 0 {
		in.Range = aws.String(fmt.Sprintf("bytes=%d-", b.pos))
	}
	out, err := b.s.client.GetObject(ctx, in)
	if err != nil {
		return object.Info{}, err
	}
	info, err := b.accept(out, in.Range != nil, again)
	if err != nil {
		_ = out.Body.Close()
	}
	return info, err
}

// accept believes an answer only where it fits the question.
func (b *getBody) accept(out *s3.GetObjectOutput, ranged, again bool) (object.Info, error) {
	info := object.Info{Key: b.key, ETag: unquote(out.ETag), LastModified: timeOf(out.LastModified),
		Metadata: decodeMetadata(out.Metadata), ContentType: aws.ToString(out.ContentType), CRC64NVME: decodeCRC(out.ChecksumCRC64NVME)}
	length := aws.ToInt64(out.ContentLength)
	if out.ContentLength == nil || length < 0 || out.ETag == nil {
		return info, &answerError{"an answer to GET without size or ETag"}
	}
	want := b.opts.IfMatch
	if again {
		want = b.etag
	}
	if want != "" && info.ETag != want {
		return info, &object.Error{Op: "GetObject", Key: b.key, Kind: object.KindChanged,
			Err: errors.New("the server answered with another version than the one asked for")}
	}
	first, end, total := int64(0), length, length
	if out.ContentRange != nil {
		var ok bool
		if first, end, total, ok = parseRange(*out.ContentRange); !ok || end-first != length {
			return info, &answerError{fmt.Sprintf("a range %q of %d bytes", *out.ContentRange, length)}
		}
	}
	last := total
	if b.opts.Length > 0 && b.opts.Length < total-b.opts.Offset {
		last = b.opts.Offset + b.opts.Length
	}
	// A server that ignores ranges sends the whole; that is fine where the whole begins with what was wanted.
	if first != b.pos || end < last || again && last != b.end {
		if !ranged || out.ContentRange != nil || b.pos >= total {
			return info, &answerError{fmt.Sprintf("bytes %d to %d of %d, wanted from %d", first, end, total, b.pos)}
		}
		return info, &object.Error{Op: "GetObject", Key: b.key, Kind: object.KindUnsupported, Err: errors.New("the server ignores ranges")}
	}
	info.Size = total
	b.end, b.etag, b.body = last, info.ETag, out.Body
	if !again && !ranged {
		b.check = newChecker(out.ChecksumCRC64NVME, out.ChecksumCRC32C, out.ChecksumCRC32, out.ChecksumSHA256, out.ChecksumSHA1)
		if out.ChecksumType == types.ChecksumTypeComposite {
			b.check = nil
		}
	}
	return info, nil
}

// parseRange reads "bytes first-last/total" and returns the end behind the last byte.
func parseRange(header string) (first, end, total int64, ok bool) {
	rest, ok1 := strings.CutPrefix(header, "bytes ")
	span, of, ok2 := strings.Cut(rest, "/")
	from, to, ok3 := strings.Cut(span, "-")
	first, err1 := strconv.ParseInt(from, 10, 64)
	last, err2 := strconv.ParseInt(to, 10, 64)
	total, err3 := strconv.ParseInt(of, 10, 64)
	ok = ok1 && ok2 && ok3 && err1 == nil && err2 == nil && err3 == nil && first >= 0 && last >= first && last < total
	return first, last + 1, total, ok
}

// Read implements io.Reader.
func (b *getBody) Read(p []byte) (int, error) {
	for {
		if b.err != nil {
			return 0, b.err
		}
		if b.pos == b.end {
			b.err = b.finish()
			continue
		}
		if len(p) == 0 {
			return 0, nil
		}
		n, err := b.body.Read(p[:min(int64(len(p)), b.end-b.pos)])
		if n > 0 {
			b.pos += int64(n)
			b.tries = 0
			if b.check != nil {
				b.check.Write(p[:n])
			}
			return n, nil // an error with bytes comes again, or does not matter at the end
		}
		if err == nil {
			continue
		}
		if b.err = b.reopen(err); b.err != nil {
			return 0, b.err
		}
	}
}

// finish is what follows the last byte.
func (b *getBody) finish() error {
	if b.check != nil && !b.check.holds() {
		return &object.Error{Op: "GetObject", Key: b.key, Kind: object.KindCorrupt, Err: errors.New("the bytes do not have their checksum")}
	}
	return io.EOF
}

// reopen goes on after a break. Every byte that comes gives a new set of tries, so that a long body is not lost to
// many short breaks, and a body that never moves ends.
func (b *getBody) reopen(cause error) error {
	_ = b.body.Close()
	if e := b.ctx.Err(); e != nil {
		return &object.Error{Op: "GetObject", Key: b.key, Kind: object.KindOf(e), Err: context.Cause(b.ctx)}
	}
	if cause == io.EOF {
		cause = &answerError{fmt.Sprintf("the body ends at byte %d of %d", b.pos, b.end)}
	}
	if b.tries >= b.s.opts.MaxRetries || !b.s.pause(b.ctx, b.tries, 0, time.Now().Add(b.s.opts.OperationTimeout)) {
		return wrap("GetObject", b.key, classify(cause).kind, cause)
	}
	b.tries++
	err := b.s.do(b.ctx, "GetObject", b.key, func(ctx context.Context, _ attempt) error {
		_, err := b.open(ctx)
		return err
	})
	if object.Is(err, object.KindRange) { // some servers look at the range first: the version has these bytes
		return &object.Error{Op: "GetObject", Key: b.key, Kind: object.KindChanged, Err: err}
	}
	return err
}

// Close implements io.Closer.
func (b *getBody) Close() error {
	if b.err == nil {
		b.err = &object.Error{Op: "GetObject", Key: b.key, Kind: object.KindInvalid, Err: errors.New("read after close")}
	}
	return b.body.Close()
}
