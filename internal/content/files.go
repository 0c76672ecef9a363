package content

import (
	"errors"
	"fmt"
	"io"
)

// maxFile bounds what is read whole into memory: a record with the slots between two rewritings, or the checksums of
// 16 TiB.
const maxFile = 1 << 30

// readFile reads a small file of the store.
func (s *Store) readFile(name string) ([]byte, error) {
	if _, err := s.disk.Stat(name); err != nil {
		return nil, err
	}
	f, err := s.disk.Open(name, false)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size > maxFile {
		return nil, fmt.Errorf("%s is too large: %d bytes", name, size)
	}
	b := make([]byte, size)
	n, err := f.ReadAt(b, 0)
	if err != nil && err != io.EOF {
		return nil, err
	}
	return b[:n], nil
}

// writeFile puts b under name at once or not at all; durable makes it survive a power loss.
func (s *Store) writeFile(name string, b []byte, durable bool) error {
	if err := s.disk.Mkdir(dirTmp); err != nil {
		return err
	}
	tmp := dirTmp + "/" + newID()
	f, err := s.disk.Open(tmp, true)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b, 0)
	if err == nil && durable {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = s.disk.Rename(tmp, name)
	}
	if err != nil {
		return errors.Join(err, ignoreMissing(s.disk.Remove(tmp)))
	}
	if durable {
		return s.disk.SyncDir(dirOf(name))
	}
	return nil
}

func dirOf(name string) string {
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] == '/' {
			return name[:i]
		}
	}
	return "."
}
