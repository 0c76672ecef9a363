//go:build !sandbox

package names

import (
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"
)

func client(t *testing.T, n int) *s3.Client {
	t.Helper()
	web := httptest.NewServer(&Server{N: n})
	t.Cleanup(web.Close)
	return s3.New(s3.Options{BaseEndpoint: &web.URL, Region: "us-east-1", UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider("k", "s", ""), Retryer: aws.NopRetryer{}})
}

func TestPages(t *testing.T) {
	const n = 2500
	c := client(t, n)
	for _, size := range []int32{1000, 7} {
		var keys []string
		pages := s3.NewListObjectsV2Paginator(c, &s3.ListObjectsV2Input{Bucket: aws.String("b"), Prefix: aws.String("names/"),
			Delimiter: aws.String("/"), MaxKeys: aws.Int32(size)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range page.Contents {
				keys = append(keys, *o.Key)
			}
		}
		var want []string
		for i := range n {
			want = append(want, fmt.Sprintf("names/%09d", i))
		}
		if diff := cmp.Diff(want, keys); diff != "" {
			t.Errorf("in pages of %d (-want +got):\n%s", size, diff)
		}
	}
}

func TestPrefixes(t *testing.T) {
	c := client(t, 1234)
	for _, tt := range []struct {
		prefix, delimiter, after string
		keys, dirs               int
	}{
		{"", "/", "", 0, 1},
		{"na", "/", "", 0, 1},
		{"", "/", "names/", 0, 0},
		{"", "", "", 1000, 0},
		{"names/0000012", "/", "", 34, 0}, // 1200 to 1233
		{"names/000001233", "", "", 1, 0},
		{"names/000001234", "", "", 0, 0},
		{"names/x", "", "", 0, 0},
		{"other/", "/", "", 0, 0},
		{"names/", "/", "names/000001231", 2, 0},
	} {
		out, err := c.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("b"), Prefix: &tt.prefix,
			Delimiter: &tt.delimiter, StartAfter: &tt.after})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Contents) != tt.keys || len(out.CommonPrefixes) != tt.dirs {
			t.Errorf("prefix %q, delimiter %q, after %q: %d keys and %d folders, want %d and %d", tt.prefix, tt.delimiter,
				tt.after, len(out.Contents), len(out.CommonPrefixes), tt.keys, tt.dirs)
		}
	}
}

func TestObjects(t *testing.T) {
	c := client(t, 10)
	for key, there := range map[string]bool{"names/000000000": true, "names/000000009": true, "names/000000010": false,
		"names": false, "names/": false, "names/9": false, "zebra": false, "names/-00000001": false} {
		_, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String("b"), Key: &key})
		if (err == nil) != there {
			t.Errorf("HEAD %s: %v", key, err)
		}
	}
	_, err := c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String("b"), Key: aws.String("names/000000000")})
	if err == nil {
		t.Error("a name was deleted")
	}
}
