package s3backend

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// maxParts is the highest part number ("Amazon S3 multipart upload limits").
const maxParts = 10000

type upload struct {
	s             *Store
	key, full, id string
	opts          object.PutOptions
	token         string       // marks the object as ours; "" for an upload that was resumed
	sum           atomic.Int32 // a sumMode: that of the parts, and whether the whole has a checksum
	sure          atomic.Bool  // sum is what the server said, not what is guessed
}

// CreateUpload implements object.Store.
func (s *Store) CreateUpload(ctx context.Context, key string, opts object.PutOptions) (object.Upload, error) {
	const op = "CreateMultipartUpload"
	full, err := s.full(op, key)
	if err != nil {
		return nil, err
	}
	metadata, err := encodeMetadata(op, key, opts.Metadata)
	if err != nil {
		return nil, err
	}
	_, _ = s.traits(ctx) // which tells whether the parts' checksums can be trusted
	return s.createUpload(ctx, key, full, metadata, opts)
}

func (s *Store) createUpload(ctx context.Context, key, full string, metadata map[string]string, opts object.PutOptions) (*upload, error) {
	if metadata == nil {
		metadata = map[string]string{}
	}
	u := &upload{s: s, key: key, full: full, opts: opts, token: addToken(metadata)}
	err := s.do(ctx, "CreateMultipartUpload", key, func(ctx context.Context, _ attempt) error {
		return s.withSum(func(mode sumMode) error { return u.create(ctx, mode, metadata) })
	})
	if err != nil {
		return nil, err
	}
	return u, nil
}

func (u *upload) create(ctx context.Context, mode sumMode, metadata map[string]string) error {
	in := &s3.CreateMultipartUploadInput{Bucket: &u.s.bucket, Key: &u.full, Metadata: metadata}
	if u.opts.ContentType != "" {
		in.ContentType = &u.opts.ContentType
	}
	if mode == sumCRC && u.s.lyingSums.Load() {
		mode = sumMD5
	}
	if mode == sumCRC {
		in.ChecksumAlgorithm, in.ChecksumType = types.ChecksumAlgorithmCrc64nvme, types.ChecksumTypeFullObject
	}
	out, err := u.s.client.CreateMultipartUpload(ctx, in)
	if err != nil {
		return err
	}
	if aws.ToString(out.UploadId) == "" {
		return &answerError{"an upload without an id"}
	}
	u.id = *out.UploadId
	if mode == sumCRC && out.ChecksumAlgorithm != types.ChecksumAlgorithmCrc64nvme {
		mode = sumMD5
	}
	u.sum.Store(int32(mode))
	u.sure.Store(true)
	return nil
}

// ResumeUpload implements object.Store.
func (s *Store) ResumeUpload(key, id string, opts object.PutOptions) object.Upload {
	u := &upload{s: s, key: key, full: s.prefix + key, id: id, opts: opts}
	u.sum.Store(s.sums.Load())
	if s.lyingSums.Load() {
		u.sum.Store(int32(sumMD5))
	}
	return u
}

func (u *upload) ID() string { return u.id }

// PutPart implements object.Upload.
func (u *upload) PutPart(ctx context.Context, n int, body object.Body) (object.Part, error) {
	const op = "UploadPart"
	if n < 1 || n > maxParts {
		return object.Part{}, &object.Error{Op: op, Key: u.key, Kind: object.KindInvalid, Err: fmt.Errorf("part number %d", n)}
	}
	crc, err := crcOf(body)
	if err != nil {
		return object.Part{}, wrap(op, u.key, object.KindUnknown, err)
	}
	part := object.Part{Number: n, Size: body.Size(), CRC64NVME: crc}
	err = u.s.do(ctx, op, u.key, func(ctx context.Context, _ attempt) error {
		err := u.send(ctx, &part, body, sumMode(u.sum.Load()))
		if err != nil && !u.sure.Load() && sumMode(u.sum.Load()) == sumCRC && refusesSum(err) {
			// The upload was begun without checksums, by an earlier process or by another program.
			if second := u.send(ctx, &part, body, sumMD5); !(second != nil && refusesSum(second)) {
				u.sum.Store(int32(sumMD5))
				return second
			}
		}
		return err
	})
	return part, err
}

func (u *upload) send(ctx context.Context, part *object.Part, body object.Body, mode sumMode) error {
	in := &s3.UploadPartInput{Bucket: &u.s.bucket, Key: &u.full, UploadId: &u.id, PartNumber: aws.Int32(int32(part.Number)),
		ContentLength: aws.Int64(body.Size())}
	switch mode {
	case sumCRC:
		in.ChecksumCRC64NVME = aws.String(encodeCRC(part.CRC64NVME))
	case sumMD5:
		sum, err := md5Of(body)
		if err != nil {
			return err
		}
		in.ContentMD5 = aws.String(base64.StdEncoding.EncodeToString(sum))
	}
	sent := newSendBody(body)
	in.Body = sent
	out, err := u.s.client.UploadPart(ctx, in, unsigned)
	if err != nil {
		return sent.cause(err)
	}
	if out.ETag == nil {
		return &answerError{"an answer to a part without ETag"}
	}
	if echoed := decodeCRC(out.ChecksumCRC64NVME); echoed != nil && *echoed != part.CRC64NVME {
		return &answerError{"the server has another checksum than the part that was sent"}
	}
	part.ETag = unquote(out.ETag)
	return nil
}

// Complete implements object.Upload.
func (u *upload) Complete(ctx context.Context, parts []object.Part) (object.Info, error) {
	const op = "CompleteMultipartUpload"
	if err := inOrder(parts); err != nil {
		return object.Info{}, &object.Error{Op: op, Key: u.key, Kind: object.KindInvalid, Err: err}
	}
	cond, err := u.s.guard(ctx, op, u.key, conditions{u.opts.IfMatch, u.opts.IfNoneMatch}, honoursComplete)
	if err != nil {
		return object.Info{}, err
	}
	return u.complete(ctx, parts, cond)
}

func (u *upload) complete(ctx context.Context, parts []object.Part, cond conditions) (object.Info, error) {
	const op = "CompleteMultipartUpload"
	whole := joined(parts)
	var info object.Info
	lost := false
	err := u.s.do(ctx, op, u.key, func(ctx context.Context, a attempt) (err error) {
		lost = a.maybe
		info, err = u.finish(ctx, parts, whole, cond)
		if err == nil {
			return nil
		}
		v := classify(err)
		lost = lost || v.maybe
		switch v.kind {
		case object.KindChanged:
			if there, ok := u.ours(ctx, whole, lost); ok {
				info = there
				return nil
			}
			if cond.any() {
				return u.s.refused(ctx, op, u.key, cond, err)
			}
		case object.KindNotFound:
			if there, ok := u.ours(ctx, whole, lost); ok {
				info = there
				return nil
			}
		}
		return err
	})
	if err != nil && ctx.Err() == nil {
		if there, ok := u.ours(ctx, whole, lost); ok {
			return there, nil
		}
	}
	if err != nil {
		return object.Info{}, err
	}
	return u.look(ctx, info), nil
}

func inOrder(parts []object.Part) error {
	if len(parts) == 0 {
		return errors.New("an upload without parts")
	}
	for i := 1; i < len(parts); i++ {
		if parts[i].Number <= parts[i-1].Number {
			return fmt.Errorf("part %d behind part %d", parts[i].Number, parts[i-1].Number)
		}
	}
	return nil
}

// completed is what is known beforehand of the object that parts make.
type completed struct {
	size int64
	crc  *uint64 // nil where that of a part is not known
	etag string  // as S3 makes it where a part's ETag is its MD5, else ""
}

func joined(parts []object.Part) completed {
	var (
		w    completed
		crc  uint64
		sums []byte
	)
	known, plain := true, true
	for _, p := range parts {
		if p.CRC64NVME == 0 && p.Size > 0 {
			known = false // a copied part of a server that does not tell
		}
		crc = combineCRC(crc, p.CRC64NVME, p.Size)
		w.size += p.Size
		sum, err := hex.DecodeString(p.ETag)
		plain = plain && err == nil && len(sum) == md5.Size
		sums = append(sums, sum...)
	}
	if known {
		w.crc = &crc
	}
	if plain {
		sum := md5.Sum(sums)
		w.etag = fmt.Sprintf("%s-%d", hex.EncodeToString(sum[:]), len(parts))
	}
	return w
}

// finish is one request, without the checksum where an upload of an earlier process turns out to have none.
func (u *upload) finish(ctx context.Context, parts []object.Part, whole completed, cond conditions) (object.Info, error) {
	withCRC := sumMode(u.sum.Load()) == sumCRC && whole.crc != nil
	info, err := u.finishWith(ctx, parts, whole, cond, withCRC)
	if err != nil && withCRC && !u.sure.Load() && refusesSum(err) {
		if second, err := u.finishWith(ctx, parts, whole, cond, false); err == nil || !refusesSum(err) {
			return second, err
		}
	}
	return info, err
}

func (u *upload) finishWith(ctx context.Context, parts []object.Part, whole completed, cond conditions, withCRC bool) (object.Info, error) {
	in := &s3.CompleteMultipartUploadInput{Bucket: &u.s.bucket, Key: &u.full, UploadId: &u.id,
		MultipartUpload: &types.CompletedMultipartUpload{}}
	for _, p := range parts {
		part := types.CompletedPart{ETag: quote(p.ETag), PartNumber: aws.Int32(int32(p.Number))}
		if withCRC { // S3 does not need it beside the whole's; versitygw does
			part.ChecksumCRC64NVME = aws.String(encodeCRC(p.CRC64NVME))
		}
		in.MultipartUpload.Parts = append(in.MultipartUpload.Parts, part)
	}
	in.IfMatch, in.IfNoneMatch = cond.headers()
	if withCRC {
		in.ChecksumCRC64NVME, in.ChecksumType = aws.String(encodeCRC(*whole.crc)), types.ChecksumTypeFullObject
	}
	out, err := u.s.client.CompleteMultipartUpload(ctx, in)
	if err != nil {
		return object.Info{}, err
	}
	if aws.ToString(out.ETag) == "" {
		return object.Info{}, &answerError{"an answer to Complete without ETag"}
	}
	got := decodeCRC(out.ChecksumCRC64NVME)
	if got != nil && whole.crc != nil && *got != *whole.crc && out.ChecksumType != types.ChecksumTypeComposite {
		return object.Info{}, &object.Error{Op: "CompleteMultipartUpload", Key: u.key, Kind: object.KindCorrupt,
			Err: fmt.Errorf("the server has another checksum than the parts that were sent")}
	}
	info := object.Info{Key: u.key, Size: whole.size, ETag: unquote(out.ETag), LastModified: serverTime(out.ResultMetadata),
		Metadata: maps.Clone(u.opts.Metadata), ContentType: u.opts.ContentType, CRC64NVME: whole.crc}
	if info.Metadata == nil {
		info.Metadata = map[string]string{}
	}
	return info, nil
}

// ours tells whether the object there is the one that an attempt whose answer was lost has made.
func (u *upload) ours(ctx context.Context, whole completed, lost bool) (object.Info, bool) {
	if !lost {
		return object.Info{}, false
	}
	there, token, err := u.s.head(ctx, u.key)
	if err != nil || there.Size != whole.size {
		return there, false
	}
	if u.token != "" {
		return there, token == u.token
	}
	sameSum := there.CRC64NVME != nil && whole.crc != nil && *there.CRC64NVME == *whole.crc
	return there, whole.etag != "" && there.ETag == whole.etag || sameSum
}

// look asks for the LastModified, which S3 sets to the time when the upload was begun.
func (u *upload) look(ctx context.Context, info object.Info) object.Info {
	there, err := u.s.Head(ctx, u.key)
	if err != nil || !there.SameContent(info) {
		return info // someone else was quicker; what was done is told all the same
	}
	return there
}

// Abort implements object.Upload.
func (u *upload) Abort(ctx context.Context) error {
	const op = "AbortMultipartUpload"
	err := u.s.do(ctx, op, u.key, func(ctx context.Context, _ attempt) error {
		_, err := u.s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &u.s.bucket, Key: &u.full, UploadId: &u.id})
		return err
	})
	if object.Is(err, object.KindNotFound) {
		return nil
	}
	return err
}
