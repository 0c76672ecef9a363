//go:build !sandbox

package direct

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc64"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"
)

const (
	// Part is the size of ranges and parts in bytes, that of AWS' own command line.
	Part = 8 << 20
	// Parallel is how many of them move at one time.
	Parallel = 8
	// Wide is how many small requests are on their way at one time where the work allows it.
	Wide = 64
)

// nvme is the table of CRC-64/NVME, the checksum that S3 asks for (its polynomial with the bits reversed).
var nvme = crc64.MakeTable(0x9a6c9329ac4bc9b5)

// unsigned leaves payloads out of the signature, as every client does over TLS.
var unsigned = s3.WithAPIOptions(v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware)

// Options say which server.
type Options struct {
	Endpoint, Region, Bucket string
	Prefix                   string // before every key, "" or ending with "/"
	Credentials              aws.CredentialsProvider
}

// A Client is safe for concurrent use.
type Client struct {
	s3   *s3.Client
	o    Options
	pool *http.Transport
}

// New makes a client with a connection pool of its own.
func New(o Options) *Client {
	transport := &http.Transport{DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		MaxIdleConns: 2 * Wide, MaxIdleConnsPerHost: 2 * Wide, DisableCompression: true,
		ReadBufferSize: 64 << 10, WriteBufferSize: 64 << 10}
	c := s3.New(s3.Options{BaseEndpoint: aws.String(o.Endpoint), Region: o.Region, UsePathStyle: true,
		Credentials: o.Credentials, HTTPClient: &http.Client{Transport: transport},
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
	}, unsigned)
	return &Client{s3: c, o: o, pool: transport}
}

// Close ends the connections, for servers that wait for that when they end.
func (c *Client) Close() { c.pool.CloseIdleConnections() }

// An Object is a line of a listing.
type Object struct {
	Key  string
	Size int64
}

func (c *Client) bucket() *string      { return &c.o.Bucket }
func (c *Client) key(k string) *string { return aws.String(c.o.Prefix + k) }
func sum(b []byte) *string {
	return aws.String(base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, crc64.Checksum(b, nvme))))
}

// MakeBucket makes the bucket, if it is not there.
func (c *Client) MakeBucket(ctx context.Context) error {
	_, err := c.s3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: c.bucket()})
	var owned *types.BucketAlreadyOwnedByYou
	if errors.As(err, &owned) {
		return nil
	}
	return err
}

// Put stores a whole object and returns its ETag.
func (c *Client) Put(ctx context.Context, key string, body []byte) (string, error) {
	out, err := c.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: c.bucket(), Key: c.key(key), Body: bytes.NewReader(body),
		ChecksumCRC64NVME: sum(body)})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.ETag), nil
}

// Get receives a whole object and returns its ETag.
func (c *Client) Get(ctx context.Context, key string) (string, error) {
	return c.get(ctx, &s3.GetObjectInput{Bucket: c.bucket(), Key: c.key(key)})
}

// GetRange receives n bytes from off on.
func (c *Client) GetRange(ctx context.Context, key string, off, n int64) error {
	_, err := c.get(ctx, &s3.GetObjectInput{Bucket: c.bucket(), Key: c.key(key),
		Range: aws.String(fmt.Sprintf("bytes=%d-%d", off, off+n-1))})
	return err
}

// ReadRange returns n bytes from off on.
func (c *Client) ReadRange(ctx context.Context, key string, off, n int64) ([]byte, error) {
	out, err := c.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: c.bucket(), Key: c.key(key),
		Range: aws.String(fmt.Sprintf("bytes=%d-%d", off, off+n-1))})
	if err != nil {
		return nil, err
	}
	defer out.Body.Close()
	return io.ReadAll(out.Body)
}

func (c *Client) get(ctx context.Context, in *s3.GetObjectInput) (string, error) {
	out, err := c.s3.GetObject(ctx, in)
	if err != nil {
		return "", err
	}
	defer out.Body.Close()
	n, err := io.CopyBuffer(io.Discard, struct{ io.Reader }{out.Body}, make([]byte, 64<<10))
	if err == nil && n != aws.ToInt64(out.ContentLength) {
		err = io.ErrUnexpectedEOF
	}
	return aws.ToString(out.ETag), err
}

// Unchanged asks whether the object still has the ETag, which is an error if not.
func (c *Client) Unchanged(ctx context.Context, key, etag string) error {
	_, err := c.get(ctx, &s3.GetObjectInput{Bucket: c.bucket(), Key: c.key(key), IfNoneMatch: &etag})
	var answer interface{ HTTPStatusCode() int }
	if errors.As(err, &answer) && answer.HTTPStatusCode() == http.StatusNotModified {
		return nil
	}
	if err == nil {
		err = fmt.Errorf("%s has changed", key)
	}
	return err
}

// GetLarge receives an object in parallel ranges.
func (c *Client) GetLarge(ctx context.Context, key string) error {
	out, err := c.s3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: c.bucket(), Key: c.key(key)})
	if err != nil {
		return err
	}
	size := aws.ToInt64(out.ContentLength)
	return Each(ctx, Parallel, int((size+Part-1)/Part), func(ctx context.Context, i int) error {
		off := int64(i) * Part
		return c.GetRange(ctx, key, off, min(Part, size-off))
	})
}

// PutLarge stores size bytes in parallel parts; block fills a buffer with those at off.
func (c *Client) PutLarge(ctx context.Context, key string, size int64, block func(p []byte, off int64)) error {
	return c.multipart(ctx, key, int((size+Part-1)/Part), func(ctx context.Context, id *string, i int) (types.CompletedPart, error) {
		off := int64(i) * Part
		buf := make([]byte, min(Part, size-off))
		block(buf, off)
		return c.part(ctx, key, id, i, buf)
	})
}

// Patch replaces bytes of a large object by copying all parts but the one that they are in, which is sent whole.
func (c *Client) Patch(ctx context.Context, key string, size, off int64, block func(p []byte, off int64)) error {
	return c.multipart(ctx, key, int((size+Part-1)/Part), func(ctx context.Context, id *string, i int) (types.CompletedPart, error) {
		from := int64(i) * Part
		n := min(Part, size-from)
		number := aws.Int32(int32(i + 1))
		if from <= off && off < from+n {
			buf := make([]byte, n)
			block(buf, from)
			return c.part(ctx, key, id, i, buf)
		}
		out, err := c.s3.UploadPartCopy(ctx, &s3.UploadPartCopyInput{Bucket: c.bucket(), Key: c.key(key), UploadId: id,
			PartNumber: number, CopySource: c.source(key), CopySourceRange: aws.String(fmt.Sprintf("bytes=%d-%d", from, from+n-1))})
		if err != nil {
			return types.CompletedPart{}, err
		}
		return types.CompletedPart{ETag: out.CopyPartResult.ETag, PartNumber: number,
			ChecksumCRC64NVME: out.CopyPartResult.ChecksumCRC64NVME}, nil
	})
}

func (c *Client) part(ctx context.Context, key string, id *string, i int, buf []byte) (types.CompletedPart, error) {
	number := aws.Int32(int32(i + 1))
	out, err := c.s3.UploadPart(ctx, &s3.UploadPartInput{Bucket: c.bucket(), Key: c.key(key), UploadId: id,
		PartNumber: number, Body: bytes.NewReader(buf), ChecksumCRC64NVME: sum(buf)})
	if err != nil {
		return types.CompletedPart{}, err
	}
	return types.CompletedPart{ETag: out.ETag, PartNumber: number, ChecksumCRC64NVME: out.ChecksumCRC64NVME}, nil
}

func (c *Client) multipart(ctx context.Context, key string, n int,
	part func(ctx context.Context, id *string, i int) (types.CompletedPart, error)) error {
	up, err := c.s3.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: c.bucket(), Key: c.key(key),
		ChecksumAlgorithm: types.ChecksumAlgorithmCrc64nvme, ChecksumType: types.ChecksumTypeFullObject})
	if err != nil {
		return err
	}
	parts := make([]types.CompletedPart, n)
	err = Each(ctx, Parallel, n, func(ctx context.Context, i int) (err error) {
		parts[i], err = part(ctx, up.UploadId, i)
		return err
	})
	if err != nil {
		return err
	}
	_, err = c.s3.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: c.bucket(), Key: c.key(key),
		UploadId: up.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}})
	return err
}

func (c *Client) source(key string) *string {
	return aws.String((&url.URL{Path: c.o.Bucket + "/" + c.o.Prefix + key}).EscapedPath())
}

// Head asks for what is known of an object.
func (c *Client) Head(ctx context.Context, key string) error {
	_, err := c.s3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: c.bucket(), Key: c.key(key)})
	return err
}

// Copy makes the object to of the object from.
func (c *Client) Copy(ctx context.Context, from, to string) error {
	_, err := c.s3.CopyObject(ctx, &s3.CopyObjectInput{Bucket: c.bucket(), Key: c.key(to), CopySource: c.source(from)})
	return err
}

// Delete removes one object.
func (c *Client) Delete(ctx context.Context, key string) error {
	_, err := c.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: c.bucket(), Key: c.key(key)})
	return err
}

// DeleteMany removes objects, 1,000 in a request.
func (c *Client) DeleteMany(ctx context.Context, keys []string) error {
	for len(keys) > 0 {
		n := min(1000, len(keys))
		in := &s3.DeleteObjectsInput{Bucket: c.bucket(), Delete: &types.Delete{Quiet: aws.Bool(true)}}
		for _, k := range keys[:n] {
			in.Delete.Objects = append(in.Delete.Objects, types.ObjectIdentifier{Key: c.key(k)})
		}
		out, err := c.s3.DeleteObjects(ctx, in)
		if err != nil {
			return err
		}
		if len(out.Errors) > 0 {
			return fmt.Errorf("cannot delete %s: %s", aws.ToString(out.Errors[0].Key), aws.ToString(out.Errors[0].Message))
		}
		keys = keys[n:]
	}
	return nil
}

// List returns everything below a folder, in order of keys.
func (c *Client) List(ctx context.Context, dir string) ([]Object, error) {
	var all []Object
	err := c.Pages(ctx, dir, func(page []types.Object) {
		for _, o := range page {
			all = append(all, Object{Key: aws.ToString(o.Key)[len(c.o.Prefix):], Size: aws.ToInt64(o.Size)})
		}
	})
	return all, err
}

// Pages lists everything below a folder and keeps nothing.
func (c *Client) Pages(ctx context.Context, dir string, page func([]types.Object)) error {
	pages := s3.NewListObjectsV2Paginator(c.s3, &s3.ListObjectsV2Input{Bucket: c.bucket(), Prefix: c.key(dir + "/")})
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		page(out.Contents)
	}
	return nil
}

// Each calls do for 0 to n-1, width at a time, and ends with the first error.
func Each(ctx context.Context, width, n int, do func(ctx context.Context, i int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(width)
	for i := range n {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error { return do(ctx, i) })
	}
	return g.Wait()
}
