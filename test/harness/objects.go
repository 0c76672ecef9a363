//go:build linux && !sandbox

package harness

import (
	"bytes"
	"io"
	"sort"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Client returns a client of the server that goes past every proxy: what another machine sees and does.
func (s *Server) Client() *s3.Client {
	return s3.New(s3.Options{BaseEndpoint: aws.String(s.Endpoint), Region: Region, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(KeyID, Secret, "")})
}

// Put stores an object.
func (s *Server) Put(t testing.TB, key string, body []byte, metadata map[string]string) {
	t.Helper()
	if _, err := s.Client().PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(Bucket), Key: &key,
		Body: bytes.NewReader(body), Metadata: metadata}); err != nil {
		t.Fatal(err)
	}
}

// Get returns an object's bytes and metadata.
func (s *Server) Get(t testing.TB, key string) ([]byte, map[string]string) {
	t.Helper()
	out, err := s.Client().GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(Bucket), Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Body.Close()
	body, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatal(err)
	}
	return body, out.Metadata
}

// Modified returns the time of an object, by the server's clock.
func (s *Server) Modified(t testing.TB, key string) time.Time {
	t.Helper()
	out, err := s.Client().HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String(Bucket), Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	return *out.LastModified
}

// Delete removes an object.
func (s *Server) Delete(t testing.TB, key string) {
	t.Helper()
	if _, err := s.Client().DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String(Bucket), Key: &key}); err != nil {
		t.Fatal(err)
	}
}

// Keys returns the keys below prefix, in order.
func (s *Server) Keys(t testing.TB, prefix string) []string {
	t.Helper()
	var keys []string
	pages := s3.NewListObjectsV2Paginator(s.Client(), &s3.ListObjectsV2Input{Bucket: aws.String(Bucket), Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Contents {
			keys = append(keys, *o.Key)
		}
	}
	sort.Strings(keys)
	return keys
}

// Uploads returns the keys of multipart uploads that are neither completed nor aborted.
func (s *Server) Uploads(t testing.TB) []string {
	t.Helper()
	out, err := s.Client().ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: aws.String(Bucket)})
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, u := range out.Uploads {
		keys = append(keys, *u.Key)
	}
	return keys
}
