package s3backend

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// defaultRegion is where every S3 answers in one way or another.
const defaultRegion = "us-east-1"

// preflight asks for the first name below the prefix, which a mount needs to be allowed to do, and once more in the
// bucket's own region if that is another one.
func (s *Store) preflight(ctx context.Context) error {
	err := s.askFirst(ctx)
	if err == nil || !object.Is(err, object.KindWrongRegion, object.KindDenied, object.KindInvalid) {
		return err
	}
	region := s.findRegion(ctx, err)
	if region == "" || region == s.region {
		return err
	}
	s.log.Info("the bucket is in another region", "bucket", s.bucket, "configured", s.region, "found", region)
	s.region = region
	s.client = s3.New(s.client.Options(), func(o *s3.Options) { o.Region = region })
	return s.askFirst(ctx)
}

func (s *Store) askFirst(ctx context.Context) error {
	return s.do(ctx, "ListObjectsV2", "", func(ctx context.Context, _ attempt) error {
		_, err := s.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: &s.prefix, MaxKeys: aws.Int32(1)})
		return err
	})
}

// findRegion looks for the region in the refusal, then in that of HeadBucket (which tells it also to strangers), and
// asks GetBucketLocation last, which only the bucket's friends may. It returns "" when nobody tells.
func (s *Store) findRegion(ctx context.Context, refusal error) string {
	if r := regionOf(refusal); r != "" {
		return r
	}
	var found string
	_ = s.do(ctx, "HeadBucket", "", func(ctx context.Context, _ attempt) error {
		out, err := s.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &s.bucket})
		if err == nil {
			found = aws.ToString(out.BucketRegion)
		} else {
			found = regionOf(err)
		}
		return err
	})
	if found != "" {
		return found
	}
	_ = s.do(ctx, "GetBucketLocation", "", func(ctx context.Context, _ attempt) error {
		out, err := s.client.GetBucketLocation(ctx, &s3.GetBucketLocationInput{Bucket: &s.bucket})
		if err != nil {
			return err
		}
		switch found = string(out.LocationConstraint); found {
		case "":
			found = defaultRegion // its location is told as nothing (GetBucketLocation's reference)
		case "EU":
			found = "eu-west-1" // the name that buckets of 2007 carry
		}
		return nil
	})
	return found
}

// regionOf is the region that an answer names in its headers, on 301, 400 and 403 as well.
func regionOf(err error) string {
	var resp *smithyhttp.ResponseError
	if errors.As(err, &resp) && resp.Response != nil && resp.Response.Response != nil {
		return resp.Response.Header.Get("x-amz-bucket-region")
	}
	return ""
}
