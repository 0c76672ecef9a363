package content

import (
	"errors"
	"os"
	"syscall"
	"time"
)

// A disk is what the package does to the file system, so that tests can run over one that loses what was not synced.
// Names are relative to the folder of the store.
type disk interface {
	Open(name string, create bool) (diskFile, error) // for reading and writing; create makes the file if it is not there
	Rename(from, to string) error
	Remove(name string) error
	SyncDir(name string) error
	Mkdir(name string) error // with all above it; no error if it is there
	ReadDir(name string) ([]string, error)
	Stat(name string) (diskStat, error)
	Touch(name string, at time.Time) error
	Free() (total, avail int64, err error) // bytes of the file system
	Lock() (unlock func() error, err error)
	Boot() string // names this boot of the machine; "" if not known
}

// A diskFile is an open file.
type diskFile interface {
	ReadAt(p []byte, off int64) (int, error)
	WriteAt(p []byte, off int64) (int, error)
	Truncate(size int64) error
	Punch(off, n int64) error // frees the range, which reads as zeros then; the size stays
	Size() (int64, error)
	Sync() error
	Close() error
}

// diskStat is what is known of a file by name.
type diskStat struct {
	Size  int64
	Alloc int64 // bytes on disk
	MTime time.Time
}

// osDisk is the real one, below a folder.
type osDisk struct{ dir string }

func (d osDisk) path(name string) string { return d.dir + "/" + name }

func (d osDisk) Open(name string, create bool) (diskFile, error) {
	flag := os.O_RDWR | syscall.O_NOFOLLOW
	if create {
		flag |= os.O_CREATE
	}
	f, err := os.OpenFile(d.path(name), flag, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (d osDisk) Rename(from, to string) error { return os.Rename(d.path(from), d.path(to)) }

// Remove is unlink alone: os.Remove tries rmdir as well, one more system call for each missing name.
func (d osDisk) Remove(name string) error {
	if err := syscall.Unlink(d.path(name)); err != nil {
		return &os.PathError{Op: "unlink", Path: d.path(name), Err: err}
	}
	return nil
}

func (d osDisk) SyncDir(name string) error {
	f, err := os.Open(d.path(name))
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (d osDisk) Mkdir(name string) error { return os.MkdirAll(d.path(name), 0o700) }

func (d osDisk) ReadDir(name string) ([]string, error) {
	f, err := os.Open(d.path(name))
	if err != nil {
		return nil, err
	}
	names, err := f.Readdirnames(-1)
	return names, errors.Join(err, f.Close())
}

func (d osDisk) Stat(name string) (diskStat, error) {
	info, err := os.Lstat(d.path(name))
	if err != nil {
		return diskStat{}, err
	}
	st := diskStat{Size: info.Size(), Alloc: info.Size(), MTime: info.ModTime()}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		st.Alloc = sys.Blocks * 512
	}
	return st, nil
}

func (d osDisk) Touch(name string, at time.Time) error { return os.Chtimes(d.path(name), at, at) }

func (d osDisk) Free() (total, avail int64, err error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(d.dir, &st); err != nil {
		return 0, 0, err
	}
	return int64(st.Blocks) * int64(st.Bsize), int64(st.Bavail) * int64(st.Bsize), nil
}

func (d osDisk) Boot() string { return bootID() }

type osFile struct{ *os.File }

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (f osFile) Punch(off, n int64) error { return punch(f.File, off, n) }

// zeroOut writes zeros where a file system cannot punch holes.
func zeroOut(f *os.File, off, n int64) error {
	zeros := make([]byte, min(n, 1<<20))
	for n > 0 {
		m, err := f.WriteAt(zeros[:min(n, int64(len(zeros)))], off)
		if err != nil {
			return err
		}
		off, n = off+int64(m), n-int64(m)
	}
	return nil
}
