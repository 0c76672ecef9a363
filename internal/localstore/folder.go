//go:build !sandbox

package localstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
)

// openFolder makes the backend over dir and returns it with a function that gives back the working directory.
func openFolder(dir string) (backend.Backend, func(), error) {
	buckets := filepath.Join(dir, "buckets")
	if err := os.MkdirAll(buckets, 0o700); err != nil {
		return nil, nil, err
	}
	attrs, err := metadata(dir, buckets)
	if err != nil {
		return nil, nil, err
	}
	restore := workDir()
	back, err := posix.New(buckets, attrs, posix.PosixOpts{ValidateBucketNames: true, CopyObjectThreshold: 5 << 30,
		// With O_TMPFILE an object is replaced through a name that is 28 bytes longer than its own, so that one of 255
		// bytes could be made and not be replaced.
		ForceNoTmpFile: true})
	if err != nil {
		restore()
		return nil, nil, err
	}
	return back, restore, nil
}

// metadata chooses where the objects' metadata is kept: in extended attributes, or in a folder of its own where the
// filesystem has none. A store that began with the folder stays with it.
func metadata(dir, buckets string) (meta.MetadataStorer, error) {
	sidecar := filepath.Join(dir, "meta")
	_, err := os.Stat(sidecar)
	if errors.Is(err, os.ErrNotExist) {
		if (meta.XattrMeta{}).Test(buckets) == nil {
			return meta.XattrMeta{}, nil
		}
		err = os.Mkdir(sidecar, 0o700)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot keep the objects' metadata: %w", err)
	}
	return meta.NewSideCar(sidecar)
}

// makeBucket makes opts.Bucket over the wire, so that the server itself writes down its owner.
func (s *Server) makeBucket(ctx context.Context, opts Options) error {
	client := s3.New(s3.Options{
		BaseEndpoint: aws.String(s.Endpoint()), Region: Region, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(opts.KeyID, opts.Secret, ""),
	})
	_, err := client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &opts.Bucket})
	var mine *types.BucketAlreadyOwnedByYou
	if err != nil && !errors.As(err, &mine) {
		return fmt.Errorf("cannot make the bucket %q: %w", opts.Bucket, err)
	}
	return nil
}
