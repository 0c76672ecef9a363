//go:build !sandbox

package work_test

import (
	iofs "io/fs"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/rclone/gofakes3"

	"github.com/sentient-agi/sentientfs/bench/direct"
	"github.com/sentient-agi/sentientfs/bench/names"
	"github.com/sentient-agi/sentientfs/bench/work"
	"github.com/sentient-agi/sentientfs/test/fakes3"
)

var tiny = work.Scale{Sizes: 0.001, Counts: 0.001, Trees: 0.001}

// TestFiles does every row over a plain folder, and looks at what is left.
func TestFiles(t *testing.T) {
	local := t.TempDir()
	for _, program := range []string{"git", "tar"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
	if err := work.MakeLocal(t.Context(), local, tiny); err != nil {
		t.Fatal(err)
	}
	for _, row := range work.Rows() {
		t.Run(row.Name, func(t *testing.T) {
			j := &work.Job{Scale: tiny, Round: 1, Dir: t.TempDir(), Local: local}
			if row.Before != nil {
				for _, name := range row.Before.Files(tiny) {
					write(t, filepath.Join(j.Dir, name), row.Before.Size(tiny))
				}
			}
			if row.Names {
				for i := range work.Million(tiny) {
					write(t, filepath.Join(j.Dir, string(rune('a'+i%26))+strings.Repeat("x", i/26)), 0)
				}
			}
			if err := row.Mount(t.Context(), j); err != nil {
				t.Fatal(err)
			}
			if row.Left == nil {
				return
			}
			if got, want := below(t, j.Dir), row.Left(tiny); got != want {
				t.Errorf("%+v is left, want %+v", got, want)
			}
		})
	}
}

func write(t *testing.T, name string, size int64) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, work.Bytes(size), 0o600); err != nil {
		t.Fatal(err)
	}
}

func below(t *testing.T, dir string) work.Left {
	t.Helper()
	var left work.Left
	err := filepath.WalkDir(dir, func(_ string, d iofs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			left.Objects++
			left.Bytes += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return left
}

// TestDirect does every row as the direct client does it, and looks at what is left.
func TestDirect(t *testing.T) {
	const bucket, id, secret = "bench", "id", "secret"
	fake, err := fakes3.New(bucket, gofakes3.WithLogger(gofakes3.DiscardLog()))
	if err != nil {
		t.Fatal(err)
	}
	store := httptest.NewServer(fake)
	defer store.Close()
	many := httptest.NewServer(&names.Server{N: work.Million(tiny)})
	defer many.Close()
	opts := direct.Options{Endpoint: store.URL, Region: "us-east-1", Bucket: bucket, Prefix: "some/where/",
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, "")}
	client := direct.New(opts)
	defer client.Close()
	for _, row := range work.Rows() {
		if row.Direct == nil {
			continue
		}
		t.Run(row.Name, func(t *testing.T) {
			j := &work.Job{Scale: tiny, Round: 1, Key: row.Name, Client: client}
			if row.Before != nil {
				for _, name := range row.Before.Files(tiny) {
					put(t, client, row.Name+"/"+name, row.Before.Size(tiny))
				}
			}
			if row.Names {
				named := opts
				named.Endpoint, named.Prefix = many.URL, ""
				j.Client, j.Key = direct.New(named), names.Dir
				defer j.Client.Close()
			}
			for range 2 { // warm, for the rows that are
				if err := row.Direct(t.Context(), j); err != nil {
					t.Fatal(err)
				}
				if row.Cache != work.Everything {
					break
				}
			}
			if row.Left == nil {
				return
			}
			list, err := client.List(t.Context(), row.Name)
			if err != nil {
				t.Fatal(err)
			}
			var got work.Left
			for _, o := range list {
				got.Objects++
				got.Bytes += o.Size
			}
			if want := row.Left(tiny); got != want {
				t.Errorf("%+v is left, want %+v", got, want)
			}
			if row.Stored == nil {
				return
			}
			if stored, err := row.Stored(t.Context(), j); err != nil || !stored {
				t.Errorf("what was changed is not there: %v", err)
			}
		})
	}
}

func put(t *testing.T, c *direct.Client, key string, size int64) {
	t.Helper()
	if size > direct.Part {
		if err := c.PutLarge(t.Context(), key, size, work.Fill); err != nil {
			t.Fatal(err)
		}
		return
	}
	if _, err := c.Put(t.Context(), key, work.Bytes(size)); err != nil {
		t.Fatal(err)
	}
}

// TestRows: names are unique and usable on a command line, and each row is of something.
func TestRows(t *testing.T) {
	seen := map[string]bool{}
	for _, row := range work.Rows() {
		if seen[row.Name] || row.Name == "" || strings.ContainsAny(row.Name, " @/") {
			t.Errorf("the name %q is no good", row.Name)
		}
		seen[row.Name] = true
		if row.Mount == nil || row.Direct == nil && !row.Disk {
			t.Errorf("%s has nothing to be compared with", row.Name)
		}
		if row.Changes && row.Before == nil {
			t.Errorf("%s changes what is not there", row.Name)
		}
		if title := row.Title(work.Scale{Sizes: 1, Counts: 1, Trees: 1}); title == "" || strings.Contains(title, "%!") {
			t.Errorf("%s has the title %q", row.Name, title)
		}
	}
}
