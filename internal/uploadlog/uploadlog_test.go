package uploadlog

import (
	"os"
	"path/filepath"
	"testing"
)

func TestLog(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "uploads")
	l, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	done, err := l.Add("ended", "1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Add("left", "2"); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Add("a/\xff\n", "3"); err != nil {
		t.Fatal(err)
	}
	done()
	if err := os.WriteFile(filepath.Join(dir, "half"), []byte(`{"key":"h`), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err = Open(dir) // the next start
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]Entry{}
	pending, err := l.Pending()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range pending {
		found[e.ID] = e
	}
	if len(found) != 2 || found["2"].Key != "left" || found["3"].Key != "a/\xff\n" {
		t.Fatalf("pending are %v", pending)
	}
	for range 2 {
		if err := l.Remove(found["2"]); err != nil {
			t.Fatal(err)
		}
	}
	if pending, err := l.Pending(); err != nil || len(pending) != 1 {
		t.Errorf("pending are %v, %v", pending, err)
	}
}
