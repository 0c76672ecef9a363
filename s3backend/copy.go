package s3backend

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"

	"github.com/sentient-agi/sentientfs/internal/object"
)

const (
	// maxCopy is the most bytes of one CopyObject or UploadPartCopy (their API reference).
	maxCopy = 5 << 30
	// copyPart is the least part of a copy in parts: large enough to be few, small enough to run side by side.
	copyPart     = 256 << 20
	copyParallel = 8
	// abortTime is what an abort may take after the caller is gone.
	abortTime = 20 * time.Second
)

// Copy implements object.Store. Where the server ignores conditions on the destination of a copy and honours those of
// Complete, a conditional copy is a multipart one.
func (s *Store) Copy(ctx context.Context, dst, src string, opts object.CopyOptions) (object.Info, error) {
	const op = "CopyObject"
	c, err := s.newCopy(dst, src, opts)
	if err != nil {
		return object.Info{}, err
	}
	if opts.SourceETag != "" {
		if t, _ := s.traits(ctx); !t.CopySourceIfMatch {
			if err := s.holds(ctx, op, src, conditions{ifMatch: opts.SourceETag}); err != nil {
				return object.Info{}, err
			}
		}
	}
	if opts.Source != nil && opts.Source.Size > maxCopy {
		return c.byParts(ctx)
	}
	if cond := (conditions{opts.IfMatch, opts.IfNoneMatch}); cond.any() {
		t, _ := s.traits(ctx)
		if !t.CopyIfMatch && (t.CompleteIfMatch && opts.IfMatch != "" || t.CompleteIfNoneMatch && opts.IfNoneMatch) {
			return c.byParts(ctx)
		}
		if c.cond, err = s.guard(ctx, op, dst, cond, honoursCopy); err != nil {
			return object.Info{}, err
		}
	}
	info, err := c.run(ctx)
	if isMarker(dst) && object.Is(err, object.KindInvalid) {
		return s.copyMarker(ctx, dst, src, opts)
	}
	if object.Is(err, object.KindInvalid, object.KindTooLarge) && opts.Source == nil {
		if e := c.learn(ctx); e == nil && c.opts.Source.Size > maxCopy {
			return c.byParts(ctx)
		}
	}
	return info, err
}

// copying is one copy with all its attempts.
type copying struct {
	s        *Store
	dst, src string
	fullDst  string
	fullSrc  string
	opts     object.CopyOptions
	cond     conditions // to be sent
	metadata map[string]string
}

func (s *Store) newCopy(dst, src string, opts object.CopyOptions) (*copying, error) {
	const op = "CopyObject"
	c := &copying{s: s, dst: dst, src: src, opts: opts}
	var err error
	if c.fullDst, err = s.full(op, dst); err != nil {
		return nil, err
	}
	if c.fullSrc, err = s.full(op, src); err != nil {
		return nil, err
	}
	if dst == src && opts.Metadata == nil {
		return nil, &object.Error{Op: op, Key: dst, Kind: object.KindInvalid, Err: fmt.Errorf("a copy onto itself must change something")}
	}
	c.metadata, err = encodeMetadata(op, dst, opts.Metadata)
	return c, err
}

func (c *copying) run(ctx context.Context) (object.Info, error) {
	const op = "CopyObject"
	token := ""
	if c.opts.Metadata != nil && c.cond.any() {
		token = addToken(c.metadata)
	}
	var info object.Info
	err := c.s.do(ctx, op, c.dst, func(ctx context.Context, a attempt) (err error) {
		info, err = c.send(ctx)
		if err == nil || classify(err).kind != object.KindChanged {
			return err
		}
		if there, ok := c.ours(ctx, a, token); ok {
			info = there
			return nil
		}
		return c.refused(ctx, err)
	})
	if err != nil || c.opts.Source != nil {
		return info, err
	}
	there, err := c.s.Head(ctx, c.dst)
	if err != nil || there.ETag != info.ETag {
		return info, err
	}
	return there, nil
}

func (c *copying) send(ctx context.Context) (object.Info, error) {
	in := &s3.CopyObjectInput{Bucket: &c.s.bucket, Key: &c.fullDst, CopySource: aws.String(c.s.copySource(c.fullSrc))}
	if c.opts.SourceETag != "" {
		in.CopySourceIfMatch = quote(c.opts.SourceETag)
	}
	in.IfMatch, in.IfNoneMatch = c.cond.headers()
	if c.opts.Metadata != nil {
		in.MetadataDirective, in.Metadata = types.MetadataDirectiveReplace, c.metadata
		if c.opts.ContentType != "" {
			in.ContentType = &c.opts.ContentType
		}
	}
	out, err := c.s.client.CopyObject(ctx, in)
	if err != nil {
		return object.Info{}, err
	}
	if out.CopyObjectResult == nil || aws.ToString(out.CopyObjectResult.ETag) == "" {
		return object.Info{}, &answerError{"an answer to a copy without ETag"}
	}
	info := object.Info{Key: c.dst, ETag: unquote(out.CopyObjectResult.ETag), LastModified: timeOf(out.CopyObjectResult.LastModified),
		CRC64NVME: decodeCRC(out.CopyObjectResult.ChecksumCRC64NVME)}
	if src := c.opts.Source; src != nil {
		info.Size, info.Metadata, info.ContentType = src.Size, maps.Clone(src.Metadata), src.ContentType
		if info.CRC64NVME == nil {
			info.CRC64NVME = src.CRC64NVME
		}
	}
	if c.opts.Metadata != nil {
		info.Metadata, info.ContentType = maps.Clone(c.opts.Metadata), c.opts.ContentType
	}
	return info, nil
}

// ours tells whether the destination is what an attempt whose answer was lost has made: it bears our mark, or is the
// source's content where no mark could be made.
func (c *copying) ours(ctx context.Context, a attempt, token string) (object.Info, bool) {
	if !a.maybe || !c.cond.any() {
		return object.Info{}, false
	}
	there, found, err := c.s.head(ctx, c.dst)
	if err != nil {
		return there, false
	}
	if token != "" {
		return there, token == found
	}
	return there, c.dst != c.src && c.opts.SourceETag != "" && there.ETag == c.opts.SourceETag
}

// refused says which of the conditions of a copy did not hold.
func (c *copying) refused(ctx context.Context, cause error) error {
	const op = "CopyObject"
	if c.opts.SourceETag != "" {
		err := c.s.holds(ctx, op, c.src, conditions{ifMatch: c.opts.SourceETag})
		if object.Is(err, object.KindNotFound, object.KindChanged) {
			return &object.Error{Op: op, Key: c.src, Kind: object.KindOf(err), Err: cause}
		}
	}
	return c.s.refused(ctx, op, c.dst, c.cond, cause)
}

// learn finds out what the source is, with its metadata.
func (c *copying) learn(ctx context.Context) error {
	if c.opts.Source != nil && (c.opts.Metadata != nil || c.opts.Source.Metadata != nil) {
		return nil
	}
	info, err := c.s.Head(ctx, c.src)
	if err != nil {
		return relabel("CopyObject", err)
	}
	if c.opts.SourceETag != "" && info.ETag != c.opts.SourceETag {
		return &object.Error{Op: "CopyObject", Key: c.src, Kind: object.KindChanged}
	}
	c.opts.Source = &info
	return nil
}

// byParts copies by an upload whose parts the server takes from the source. An empty object has no parts and is put.
func (c *copying) byParts(ctx context.Context) (object.Info, error) {
	if err := c.learn(ctx); err != nil {
		return object.Info{}, err
	}
	src := c.opts.Source
	put := object.PutOptions{Metadata: c.opts.Metadata, ContentType: c.opts.ContentType, IfMatch: c.opts.IfMatch, IfNoneMatch: c.opts.IfNoneMatch}
	if c.opts.Metadata == nil {
		put.Metadata, put.ContentType = src.Metadata, src.ContentType
	}
	if src.Empty() {
		return c.s.Put(ctx, c.dst, object.Bytes(nil), put)
	}
	up, err := c.s.CreateUpload(ctx, c.dst, put)
	if err != nil {
		return object.Info{}, err
	}
	done, err := c.s.note(ctx, c.dst, up)
	if err != nil {
		return object.Info{}, err
	}
	info, err := c.fill(ctx, up, src)
	if err == nil || c.s.abandon(ctx, up) {
		done()
	}
	return info, err
}

// note tells the log of uploads of one that no journal knows.
func (s *Store) note(ctx context.Context, key string, up object.Upload) (done func(), err error) {
	if s.opts.Uploads == nil {
		return func() {}, nil
	}
	if done, err = s.opts.Uploads.Add(key, up.ID()); err != nil {
		s.abandon(ctx, up)
		return nil, &object.Error{Op: "CreateMultipartUpload", Key: key, Kind: object.KindUnknown, Err: err}
	}
	return done, nil
}

// abandon gives an upload up whose caller may be gone, and tells whether it is.
func (s *Store) abandon(ctx context.Context, up object.Upload) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTime)
	defer cancel()
	err := up.Abort(ctx)
	if err != nil {
		s.log.Warn("an upload could not be given up", "id", up.ID(), "error", err)
	}
	return err == nil
}

func (c *copying) fill(ctx context.Context, up object.Upload, src *object.Info) (object.Info, error) {
	etag := c.opts.SourceETag
	if etag == "" {
		etag = src.ETag // all parts from one version
	}
	each := partOf(src.Size)
	parts := make([]object.Part, (src.Size+each-1)/each)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(copyParallel)
	for i := range parts {
		g.Go(func() (err error) {
			off := int64(i) * each
			parts[i], err = up.CopyPart(gctx, i+1, c.src, etag, off, min(each, src.Size-off))
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return object.Info{}, err
	}
	return up.Complete(ctx, parts)
}

// partOf is the size of the parts of a copy: at most 10,000 of them, in whole MiB.
func partOf(size int64) int64 {
	least := (size + maxParts - 1) / maxParts
	return max(copyPart, (least+(1<<20)-1)>>20<<20)
}

// CopyPart implements object.Upload.
func (u *upload) CopyPart(ctx context.Context, n int, src, etag string, off, size int64) (object.Part, error) {
	const op = "UploadPartCopy"
	full, err := u.s.full(op, src)
	if err != nil {
		return object.Part{}, err
	}
	if n < 1 || n > maxParts || off < 0 || size <= 0 {
		return object.Part{}, &object.Error{Op: op, Key: u.key, Kind: object.KindInvalid,
			Err: fmt.Errorf("part %d of %d bytes from %d", n, size, off)}
	}
	in := &s3.UploadPartCopyInput{Bucket: &u.s.bucket, Key: &u.full, UploadId: &u.id, PartNumber: aws.Int32(int32(n)),
		CopySource: aws.String(u.s.copySource(full)), CopySourceRange: aws.String(fmt.Sprintf("bytes=%d-%d", off, off+size-1))}
	if etag != "" {
		in.CopySourceIfMatch = quote(etag)
	}
	part := object.Part{Number: n, Size: size}
	err = u.s.do(ctx, op, src, func(ctx context.Context, _ attempt) error {
		out, err := u.s.client.UploadPartCopy(ctx, in)
		if err != nil {
			return err
		}
		if out.CopyPartResult == nil || aws.ToString(out.CopyPartResult.ETag) == "" {
			return &answerError{"an answer to a copied part without ETag"}
		}
		part.ETag = unquote(out.CopyPartResult.ETag)
		if crc := decodeCRC(out.CopyPartResult.ChecksumCRC64NVME); crc != nil {
			part.CRC64NVME = *crc
		}
		return nil
	})
	return part, err
}
