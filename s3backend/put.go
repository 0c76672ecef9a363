package s3backend

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"maps"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// unsigned leaves the payload out of the signature: TLS or the signed checksum header keeps it whole, and SHA-256 of
// every byte would cost more than all the rest of an upload.
var unsigned = s3.WithAPIOptions(v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware)

// put is one PUT with all its attempts.
type put struct {
	s        *Store
	key      string
	full     string
	body     object.Body
	opts     object.PutOptions
	cond     conditions // to be sent
	metadata map[string]string
	token    string // "" where it is not needed
	crc      uint64
}

// Put implements object.Store. The LastModified that it returns is the server's clock at the answer.
func (s *Store) Put(ctx context.Context, key string, body object.Body, opts object.PutOptions) (object.Info, error) {
	const op = "PutObject"
	full, err := s.full(op, key)
	if err != nil {
		return object.Info{}, err
	}
	metadata, err := encodeMetadata(op, key, opts.Metadata)
	if err != nil {
		return object.Info{}, err
	}
	cond, err := s.guard(ctx, op, key, conditions{opts.IfMatch, opts.IfNoneMatch}, honoursPut)
	if err != nil {
		return object.Info{}, err
	}
	p := &put{s: s, key: key, full: full, body: body, opts: opts, cond: cond, metadata: metadata}
	return p.run(ctx)
}

func (p *put) run(ctx context.Context) (object.Info, error) {
	const op = "PutObject"
	if p.cond.any() {
		p.token = addToken(p.metadata)
	}
	var err error
	if p.crc, err = crcOf(p.body); err != nil {
		return object.Info{}, wrap(op, p.key, object.KindUnknown, err)
	}
	var info object.Info
	err = p.s.do(ctx, op, p.key, func(ctx context.Context, a attempt) error {
		err := p.s.withSum(func(mode sumMode) (err error) {
			info, err = p.send(ctx, mode)
			return err
		})
		if err == nil || classify(err).kind != object.KindChanged || !p.cond.any() {
			return err
		}
		if there, ok := p.ours(ctx, a); ok {
			info = there
			return nil
		}
		return p.s.refused(ctx, op, p.key, p.cond, err)
	})
	return info, err
}

// ours tells whether what a condition met is what an attempt before this one put there.
func (p *put) ours(ctx context.Context, a attempt) (object.Info, bool) {
	if !a.maybe || p.token == "" {
		return object.Info{}, false
	}
	there, token, err := p.s.head(ctx, p.key)
	return there, err == nil && token == p.token && there.Size == p.body.Size()
}

// send is one request.
func (p *put) send(ctx context.Context, mode sumMode) (object.Info, error) {
	in := &s3.PutObjectInput{Bucket: &p.s.bucket, Key: &p.full, ContentLength: aws.Int64(p.body.Size()), Metadata: p.metadata}
	if p.opts.ContentType != "" {
		in.ContentType = &p.opts.ContentType
	}
	in.IfMatch, in.IfNoneMatch = p.cond.headers()
	switch mode {
	case sumCRC:
		in.ChecksumCRC64NVME = aws.String(encodeCRC(p.crc))
	case sumMD5:
		sum, err := md5Of(p.body)
		if err != nil {
			return object.Info{}, err
		}
		in.ContentMD5 = aws.String(base64.StdEncoding.EncodeToString(sum))
	}
	body := newSendBody(p.body)
	in.Body = body
	out, err := p.s.client.PutObject(ctx, in, unsigned)
	if err != nil {
		return object.Info{}, body.cause(err)
	}
	if out.ETag == nil {
		return object.Info{}, &answerError{"an answer to PUT without ETag"}
	}
	crc := p.crc
	info := object.Info{Key: p.key, Size: p.body.Size(), ETag: unquote(out.ETag), LastModified: serverTime(out.ResultMetadata),
		Metadata: maps.Clone(p.opts.Metadata), ContentType: p.opts.ContentType, CRC64NVME: &crc}
	if info.Metadata == nil {
		info.Metadata = map[string]string{}
	}
	return info, p.verify(out, mode, info.ETag)
}

// verify sees to it that the server has verified the bytes: it says the checksum, or the ETag is the MD5. A server that
// does neither is asked by Content-MD5 from now on.
func (p *put) verify(out *s3.PutObjectOutput, mode sumMode, etag string) error {
	if mode != sumCRC {
		return nil
	}
	if echoed := decodeCRC(out.ChecksumCRC64NVME); echoed != nil {
		if *echoed != p.crc {
			return &answerError{"the server has another checksum than the bytes that were sent"}
		}
		p.s.sumsSure.Store(true)
		return nil
	}
	if p.s.sumsSure.Load() {
		return nil
	}
	p.s.dropTo(sumMD5)
	if !isMD5(etag) || out.ServerSideEncryption == types.ServerSideEncryptionAwsKms || p.s.opts.SSECKey != "" {
		return nil
	}
	sum, err := md5Of(p.body)
	if err == nil && hex.EncodeToString(sum) != etag {
		err = &answerError{"the server took the bytes without a checksum, and its ETag is not theirs"}
	}
	return err
}

// withSum sends with the best checksum that the server is believed to know, and with the next when it refuses that.
func (s *Store) withSum(send func(sumMode) error) error {
	mode := sumMode(s.sums.Load())
	err := send(mode)
	if err == nil || mode != sumCRC || s.sumsSure.Load() || !refusesSum(err) {
		return err
	}
	second := send(sumMD5)
	switch {
	case second == nil:
		s.dropTo(sumMD5)
		return nil
	case refusesSum(second):
		return err // it was not the checksum
	}
	return second
}

// refusesSum tells whether err can come of a checksum that the server does not know.
func refusesSum(err error) bool {
	var final *object.Error
	if errors.As(err, &final) {
		return false
	}
	k := classify(err).kind
	return k == object.KindInvalid || k == object.KindUnsupported
}

func (s *Store) dropTo(mode sumMode) {
	if s.sums.CompareAndSwap(int32(sumCRC), int32(mode)) {
		s.log.Info("the server does not verify CRC64NVME; Content-MD5 takes its place")
	}
}

// addToken marks what is sent, if there is room for the mark.
func addToken(metadata map[string]string) string {
	var b [8]byte
	rand.Read(b[:])
	token := hex.EncodeToString(b[:])
	if size(metadata)+len(tokenKey)+len(token) > maxMetadata {
		return ""
	}
	metadata[tokenKey] = token
	return token
}

// serverTime is the Date of an answer, with the resolution of LastModified.
func serverTime(m middleware.Metadata) time.Time {
	t, _ := awsmiddleware.GetServerTime(m)
	return t.UTC().Truncate(time.Second)
}
