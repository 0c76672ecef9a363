// Package uploadlog remembers the multipart uploads that no file's journal knows, those of copies on the server, so
// that the next start gives up what a crash left behind.
//
// It must never name an upload that this machine did not begin, and never hold keys in the names of its files: a key
// may have any bytes.
package uploadlog

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// An Entry is an upload that was begun and not ended.
type Entry struct {
	Key, ID string

	file string
}

// note is an Entry on disk: base64 keeps the bytes of keys that are no UTF-8.
type note struct {
	Key []byte `json:"key"`
	ID  string `json:"id"`
}

// A Log is a folder with a file for each upload. Its methods may be called from many goroutines at once.
type Log struct{ dir string }

// Open opens the log in a folder, which is made if it is missing.
func Open(dir string) (*Log, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return &Log{dir}, nil
}

// Add notes an upload before anything of it is sent; it survives a power loss when Add returns. done is called when the
// upload is completed or aborted.
func (l *Log) Add(key, id string) (done func(), err error) {
	f, err := os.CreateTemp(l.dir, "*.tmp") // mode 0600
	if err != nil {
		return nil, err
	}
	err = json.NewEncoder(f).Encode(note{[]byte(key), id})
	name := strings.TrimSuffix(f.Name(), ".tmp")
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return nil, fmt.Errorf("cannot note an upload: %w", err)
	}
	return func() { _ = os.Remove(name) }, syncDir(l.dir)
}

// Pending returns the uploads that were begun and not ended. What cannot be read is an upload whose note never came to
// be, and is left out.
func (l *Log) Pending() ([]Entry, error) {
	files, err := os.ReadDir(l.dir)
	if err != nil {
		return nil, err
	}
	var all []Entry
	for _, f := range files {
		file := filepath.Join(l.dir, f.Name())
		text, err := os.ReadFile(file)
		var n note
		if err == nil && json.Unmarshal(text, &n) == nil && n.ID != "" && !strings.HasSuffix(file, ".tmp") {
			all = append(all, Entry{string(n.Key), n.ID, file})
		}
	}
	return all, nil
}

// Remove forgets an upload that is given up.
func (l *Log) Remove(e Entry) error {
	if err := os.Remove(e.file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
