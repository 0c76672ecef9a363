//go:build linux && !sandbox

package hostile

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/sentient-agi/sentientfs/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// hang is when a call counts as endless.
const hang = 2 * time.Minute

// ends runs a call and fails if it does not come to an end.
func ends(t *testing.T, what string, call func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- call() }()
	select {
	case err := <-done:
		return err
	case <-time.After(hang):
		t.Fatalf("%s does not end", what)
		return nil
	}
}

// alive fails unless the daemon serves.
func alive(t *testing.T, m *harness.Mount, what string) {
	t.Helper()
	err := ends(t, "statfs after "+what, func() error {
		_, err := os.Stat(m.Dir)
		return err
	})
	if _, there := harness.Mounted(m.Dir); err != nil || !there || strings.Contains(m.Log(), "panic") {
		t.Fatalf("after %s the mount is dead: %v", what, err)
	}
}

// put stores an object that the server may refuse, and tells whether it did not.
func put(t *testing.T, s *harness.Server, key string, body []byte, meta map[string]string) bool {
	t.Helper()
	_, err := s.Client().PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(harness.Bucket), Key: &key,
		Body: bytes.NewReader(body), Metadata: meta})
	return err == nil
}

// keys are names below a prefix that mean something else to a file system than to S3.
func keys() []string {
	list := []string{"a", "a/", "a/b", "..", "../up", "../../etc/passwd", "d/../x", "d/..", ".", "./here", "d/./x", "/lead", "//two",
		"d//x", "d///", "tab\tname", "new\nline", "cr\rname", "bell\a", "del\x7f", "ctl\x01\x02", "esc\x1b[31mred", "nul\x00name", "back\\slash",
		"percent%2e%2e%2f", "plus+and space", "utf8 é 日本", "rtl\u202egnp", "bad\xff\xfeutf8", "con", "-rf", "*", "?", ".fuse_hidden0001",
		"quote'\"`$(id)", strings.Repeat("x", 255), strings.Repeat("y", 256), strings.Repeat("deep/", 100) + "file"}
	return append(list, strings.Repeat("k", 1024-len("safe/")))
}

// TestP9HostileKeys: whatever the keys are, a walk ends, and nothing outside the prefix is shown, changed or removed.
func TestP9HostileKeys(t *testing.T) {
	if harness.Plain() {
		t.Skip("a plain folder has no keys")
	}
	s := harness.StartServer(t, harness.Fake)
	outside := []string{"etc/passwd", "safe", "safer/file", "saf", "up", "x"}
	for _, key := range outside {
		put(t, s, key, []byte("outside "+key), nil)
	}
	stored := 0
	for _, key := range keys() {
		if put(t, s, "safe/"+key, []byte("inside "+key), nil) {
			stored++
		}
	}
	if stored < len(keys())*2/3 {
		t.Fatalf("the server took only %d of %d keys", stored, len(keys()))
	}
	p := harness.NewProxy(t, s)
	m := harness.NewMount(t, harness.MountOptions{Server: s, Endpoint: p.Endpoint, Prefix: "safe"})
	seen := walk(t, m.Dir)
	alive(t, m, "a walk")
	for path, body := range seen {
		if strings.HasPrefix(body, "outside") {
			t.Errorf("%q shows what is outside of the prefix", path)
		}
	}
	for _, want := range []string{"utf8 é 日本", "plus+and space", "percent%2e%2e%2f", "back\\slash", "-rf", strings.Repeat("x", 255)} {
		if seen[want] != "inside "+want {
			t.Errorf("%q reads %q", want, seen[want])
		}
	}
	for _, name := range []string{"a", "d", "-rf"} { // change and remove what can be seen
		_ = os.Chmod(m.Path(name), 0o600)
		_ = os.WriteFile(m.Path(name), []byte("changed"), 0o600)
		_ = os.Rename(m.Path(name), m.Path("moved"))
		_ = os.RemoveAll(m.Path("moved"))
	}
	alive(t, m, "changes")
	entries, _ := os.ReadDir(m.Dir)
	for _, e := range entries {
		_ = ends(t, "rm -r", func() error { return os.RemoveAll(m.Path(e.Name())) })
	}
	alive(t, m, "rm -r")
	for _, r := range p.Requests() {
		if r.Key != "" && !strings.HasPrefix(r.Key, "safe/") {
			t.Errorf("a %s of %q, outside of the prefix", r.Kind, r.Key)
		}
	}
	left := list(t, s)
	for _, key := range outside {
		if !slices.Contains(left, key) {
			t.Errorf("%q outside of the prefix is gone", key)
			continue
		}
		if body, _ := s.Get(t, key); string(body) != "outside "+key {
			t.Errorf("%q outside of the prefix has %q", key, body)
		}
	}
	fmt.Printf("figure: hostile: %d keys, %d paths walked, escapes 0\n", stored, len(seen))
}

// list returns all keys. They are encoded on the wire, since XML cannot have all of them.
func list(t *testing.T, s *harness.Server) (found []string) {
	t.Helper()
	out, err := s.Client().ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String(harness.Bucket), EncodingType: "url"})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range out.Contents {
		key, err := url.QueryUnescape(*o.Key)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, key)
	}
	return found
}

// walk reads all that can be found. Errors are no matter, but it must come to an end.
func walk(t *testing.T, root string) map[string]string {
	t.Helper()
	seen := map[string]string{}
	_ = ends(t, "a walk", func() error {
		return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			name, _ := filepath.Rel(root, path)
			seen[name] = ""
			if err != nil || len(seen) > 10_000 {
				return fs.SkipDir
			}
			_, _ = os.Lstat(path)
			switch {
			case d.Type()&fs.ModeSymlink != 0:
				target, _ := os.Readlink(path)
				seen[name] = "-> " + target
				body, _ := os.ReadFile(path)
				seen[name] += "\x00" + string(body)
			case d.Type().IsRegular():
				body, _ := os.ReadFile(path)
				seen[name] = string(body)
			}
			return nil
		})
	})
	return seen
}

// TestP9HostileMetadata: metadata and links that were made to hurt do not.
func TestP9HostileMetadata(t *testing.T) {
	if harness.Plain() {
		t.Skip("a plain folder has no metadata")
	}
	s := harness.StartServer(t, harness.Fake)
	link := "41471" // S_IFLNK|0777
	for i, meta := range []map[string]string{
		{"mode": "8630"}, {"mode": "25014"}, {"mode": "-1"}, {"mode": "99999999999999999999"}, {"mode": "0x1ff"}, {"mode": "36351"}, {"mode": "40960"},
		{"mtime": "-1"}, {"mtime": "1e308"}, {"mtime": "NaN"}, {"mtime": "9223372036854775807"}, {"mtime": "-9223372036854775808"},
		{"mtime": "1.9999999999999999999"}, {"uid": "-1", "gid": "4294967296"}, {"uid": "0", "gid": "0", "mode": "35309"},
		{"mode": "33261 ", "MTIME": ""}, {"size": "-5", "etag": "x"}, {"sentientfs-extends-size": "-1", "sentientfs-extends-etag": "\""},
		{"big": strings.Repeat("v", 1400)}, {"xattr": "%ff%zz", "goofys": "{"},
	} {
		put(t, s, fmt.Sprintf("meta%d", i), []byte("text"), meta)
		put(t, s, fmt.Sprintf("dir%d/", i), nil, meta)
	}
	for i, target := range []string{"/etc/passwd", "../../../etc/passwd", "x/../../../etc/passwd", "", "\x00", strings.Repeat("a/", 50_000), "loop", "a\x00b",
		strings.Repeat("../", 300) + "etc/passwd", "/proc/self/root/etc/passwd", "./../etc/passwd", "dir0/../../etc/passwd"} {
		put(t, s, fmt.Sprintf("link%d", i), []byte(target), map[string]string{"mode": link})
	}
	put(t, s, "loop", []byte("loop"), map[string]string{"mode": link})
	m := harness.NewMount(t, harness.MountOptions{Server: s})
	secret, err := os.ReadFile("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	seen := walk(t, m.Dir)
	for path, body := range seen {
		if strings.Contains(body, string(secret)) {
			t.Errorf("%q shows a file of the host", path)
		}
		st, err := os.Lstat(filepath.Join(m.Dir, path))
		if err == nil && st.Mode()&(fs.ModeDevice|fs.ModeCharDevice) != 0 {
			t.Errorf("%q is a device", path)
		}
	}
	alive(t, m, "a walk")
	if len(seen) < 30 {
		t.Errorf("only %d names are to be seen", len(seen))
	}
	line, _ := harness.Mounted(m.Dir)
	for _, want := range []string{"nosuid", "nodev"} {
		if !slices.Contains(line.Options, want) {
			t.Errorf("the mount is not %s: %q", want, line.Options)
		}
	}
	for name := range seen {
		if strings.HasPrefix(name, "meta") {
			_ = os.Chmod(m.Path(name), 0o640)
			if err := os.WriteFile(m.Path(name), []byte("new"), 0o644); err != nil {
				t.Logf("write to %s: %v", name, err)
			}
		}
	}
	alive(t, m, "writes")
	fmt.Printf("figure: hostile: %d objects with metadata and links made to hurt, escapes 0\n", len(seen))
}
