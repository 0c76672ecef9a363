package content

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// The folders of a store. A file has one id for its life; who it is is told by which other files have it in their names.
const (
	dirData    = "data"    // <id>: the bytes, sparse
	dirJournal = "journal" // <id>: the record of a dirty file
	dirClean   = "clean"   // <name of the version>-<id>: checksums of a clean file; last used at its mtime
	dirTmp     = "tmp"     // what is not yet under its name
	dirBad     = "bad"     // records that cannot be read, and their bytes, for a person
)

// storeFormat is the layout of the folder, in the file "format".
const storeFormat = 1

// DefaultSize is the budget in bytes where Options.Size is 0.
const DefaultSize = 10 << 30

// DefaultKeepFree is the share of the disk that is never used where Options.KeepFree is 0.
const DefaultKeepFree = 0.05

// Options say where a store is and how much it may hold.
type Options struct {
	Dir      string       // of one mount alone; made with mode 0700 if it is not there
	Size     int64        // budget in bytes for clean and dirty bytes together; 0 is DefaultSize
	KeepFree float64      // share of the file system that is left free, 0 to 1; 0 is DefaultKeepFree, below 0 is none
	Log      *slog.Logger // nil logs nothing

	disk disk // nil is the real one
}

// A Store is the local content of one mount. All methods may be called from many goroutines at once.
type Store struct {
	dir    string
	disk   disk
	log    *slog.Logger
	unlock func() error
	budget budget

	// ghosts tells that records with a commit were unlinked and their folder not synced since: after a power loss they
	// could be back, so the bytes that they claim must not change before syncGhosts.
	ghosts atomic.Bool

	// mu guards what follows and File.refs and File.listed. It is the innermost lock: no other is taken and no file is
	// touched while it is held.
	mu        sync.Mutex
	closed    bool
	files     map[string]*File      // by id: referenced or dirty
	byVersion map[versionName]*File // clean, referenced
	idle      idleList              // clean, not referenced
	recovered []*File
}

// A versionName is the name of a version on disk. It has no text of the key, which can have any bytes.
type versionName [16]byte

func nameOf(v Version) versionName {
	h := sha256.New()
	var n [24]byte
	binary.LittleEndian.PutUint64(n[:], uint64(len(v.Key)))
	binary.LittleEndian.PutUint64(n[8:], uint64(len(v.ETag)))
	binary.LittleEndian.PutUint64(n[16:], uint64(v.Size))
	h.Write(n[:])
	h.Write([]byte(v.Key))
	h.Write([]byte(v.ETag))
	return versionName(h.Sum(nil))
}

func (n versionName) String() string { return hex.EncodeToString(n[:]) }

func newID() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// Open takes a folder and finds what earlier runs left in it. It returns a *LockedError if another process has the
// folder and a *FormatError if a newer binary wrote in it.
func Open(o Options) (*Store, error) {
	s := &Store{dir: o.Dir, disk: o.disk, log: o.Log, files: map[string]*File{}, byVersion: map[versionName]*File{}}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.disk == nil {
		s.disk = osDisk{o.Dir}
		if err := os.MkdirAll(o.Dir, 0o700); err != nil {
			return nil, fmt.Errorf("cannot make the cache folder: %w", err)
		}
	}
	s.budget.init(o, s.disk)
	s.idle.init()
	unlock, err := s.disk.Lock()
	if err != nil {
		return nil, err
	}
	s.unlock = unlock
	if err := s.load(); err != nil {
		s.unlock()
		return nil, err
	}
	return s, nil
}

// load reads the folder. Nothing is changed before it is known that this binary understands all of it.
func (s *Store) load() error {
	if err := s.checkFormat(); err != nil {
		return err
	}
	for _, d := range []string{dirData, dirJournal, dirClean, dirTmp, dirBad} {
		if err := s.disk.Mkdir(d); err != nil {
			return fmt.Errorf("cannot make the cache folder: %w", err)
		}
	}
	if err := s.recover(); err != nil {
		return err
	}
	return s.attachClean()
}

func (s *Store) checkFormat() error {
	b, err := s.readFile("format")
	if errors.Is(err, fs.ErrNotExist) || (err == nil && len(b) == 0) {
		return s.writeFile("format", []byte(strconv.Itoa(storeFormat)+"\n"), true)
	}
	if err != nil {
		return fmt.Errorf("cannot read the cache folder's format: %w", err)
	}
	have, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return fmt.Errorf("cannot read the cache folder's format: %w", err)
	}
	if have > storeFormat {
		return &FormatError{Dir: s.dir, Have: have, Want: storeFormat}
	}
	return nil
}

// attachClean lists the clean files and removes what belongs to nothing.
func (s *Store) attachClean() error {
	names, err := s.disk.ReadDir(dirClean)
	if err != nil {
		return fmt.Errorf("cannot read the cache folder: %w", err)
	}
	found := make([]*idleFile, 0, len(names))
	for _, n := range names {
		if e := s.cleanEntry(n); e != nil {
			found = append(found, e)
		} else if err := s.disk.Remove(dirClean + "/" + n); err != nil {
			return fmt.Errorf("cannot remove a stale file: %w", err)
		}
	}
	slices.SortFunc(found, func(a, b *idleFile) int { return a.used.Compare(b.used) })
	for _, e := range found {
		if old := s.idle.take(e.name); old != nil {
			s.removeIdle(old)
		}
		s.idle.put(e)
		s.budget.used.Add(e.bytes)
	}
	if err := s.removeOrphans(); err != nil {
		return err
	}
	return s.budget.room(s, 0)
}

// cleanEntry returns what a sidecar's name says, nil if it belongs to no data or to a dirty file.
func (s *Store) cleanEntry(file string) *idleFile {
	hexName, id, ok := strings.Cut(file, "-")
	raw, err := hex.DecodeString(hexName)
	if !ok || err != nil || len(raw) != 16 || s.dirtyData(id) {
		return nil
	}
	data, err := s.disk.Stat(dirData + "/" + id)
	if err != nil {
		return nil
	}
	side, err := s.disk.Stat(dirClean + "/" + file)
	if err != nil {
		return nil
	}
	return &idleFile{name: versionName(raw), id: id, bytes: data.Alloc + fileCost, used: side.MTime}
}

// dirtyData tells whether a data file is of a recovered file.
func (s *Store) dirtyData(name string) bool {
	return slices.ContainsFunc(s.recovered, func(f *File) bool { return f.dataName == name })
}

func (s *Store) removeOrphans() error {
	known := make(map[string]bool, len(s.files)+len(s.idle.byName))
	for _, f := range s.files {
		known[f.dataName] = true
	}
	for _, e := range s.idle.byName {
		known[e.id] = true
	}
	for _, dir := range []string{dirData, dirTmp} {
		names, err := s.disk.ReadDir(dir)
		if err != nil {
			return fmt.Errorf("cannot read the cache folder: %w", err)
		}
		for _, n := range names {
			if dir == dirData && known[n] {
				continue
			}
			if err := s.disk.Remove(dir + "/" + n); err != nil {
				return fmt.Errorf("cannot remove a stale file: %w", err)
			}
		}
	}
	return nil
}

// Close makes what is dirty durable, writes down what is known of clean files and unlocks the folder. Everything
// stays on disk. Files must not be used any more.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	files := s.filesLocked()
	s.mu.Unlock()
	var errs []error
	for _, f := range files {
		errs = append(errs, f.Sync(), f.shut())
	}
	return errors.Join(append(errs, s.unlock())...)
}

func (s *Store) filesLocked() []*File {
	files := make([]*File, 0, len(s.files))
	for _, f := range s.files {
		files = append(files, f)
	}
	return files
}

// Version returns the local copy of a version, with a reference that the caller releases. While a copy of the version
// is referenced and has no changes, every call returns the same File. A File that was changed is not a copy of the
// version any more: it stays with those who have it, and others get a new one. A version without an ETag is shared
// with nobody.
func (s *Store) Version(v Version) (*File, error) {
	if v.Size < 0 || v.Size > maxSize {
		return nil, fmt.Errorf("cannot keep %q: its size is %d", v.Key, v.Size)
	}
	name := nameOf(v)
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, os.ErrClosed
	}
	f := s.byVersion[name]
	if f == nil || v.ETag == "" {
		f = s.newVersionLocked(v, name)
	}
	f.refs++
	s.mu.Unlock()
	f.load()
	return f, nil
}

func (s *Store) newVersionLocked(v Version, name versionName) *File {
	f := newFile(s, newID())
	f.base, f.hasBase, f.size, f.limit = v, true, v.Size, v.Size
	f.target = Target{Key: v.Key, Intent: IntentEdit}
	if v.ETag != "" {
		if e := s.idle.take(name); e != nil {
			f.id, f.dataName, f.attach = e.id, e.id, e
			f.charged.total = e.bytes
		}
		s.byVersion[name], f.listed = f, true
	}
	s.files[f.id] = f
	return f
}

// Create returns a new, empty, dirty file without a base, with a reference that the caller releases. It is in the
// journal already.
func (s *Store) Create(key string) (*File, error) {
	f := newFile(s, newID())
	f.target = Target{Key: key, Intent: IntentNew}
	if err := s.reserve(fileCost); err != nil {
		return nil, err
	}
	defer s.budget.release(fileCost)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.begin(); err != nil {
		return nil, fmt.Errorf("cannot create a local file: %w", err)
	}
	f.account()
	s.mu.Lock()
	f.refs = 1
	s.files[f.id] = f
	s.mu.Unlock()
	return f, nil
}

// File returns the dirty file with this id, with a reference that the caller releases.
func (s *Store) File(id string) (*File, bool) {
	s.mu.Lock()
	f := s.files[id]
	if f == nil {
		s.mu.Unlock()
		return nil, false
	}
	f.refs++
	s.mu.Unlock()
	if !f.Dirty() {
		f.Release()
		return nil, false
	}
	return f, true
}

// Recovered returns the dirty files of earlier runs that are still dirty, each with a reference that the caller
// releases.
func (s *Store) Recovered() []*File {
	s.mu.Lock()
	files := slices.Clone(s.recovered)
	s.mu.Unlock()
	var out []*File
	for _, f := range files {
		if g, ok := s.File(f.id); ok {
			out = append(out, g)
		}
	}
	return out
}

// Records returns the journal: what is dirty now, of this run and of earlier ones, by id.
func (s *Store) Records() []Record {
	s.mu.Lock()
	files := s.filesLocked()
	s.mu.Unlock()
	var out []Record
	for _, f := range files {
		if r, ok := f.record(); ok {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b Record) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// Discard forgets a dirty file: its record and, when it is not referenced any more, its bytes. fs.ErrNotExist if there
// is none with this id.
func (s *Store) Discard(id string) error {
	f, ok := s.File(id)
	if !ok {
		return fmt.Errorf("cannot discard %q: %w", id, fs.ErrNotExist)
	}
	defer f.Release()
	return f.Drop()
}

// Usage tells what the store holds.
func (s *Store) Usage() Usage {
	dirty, dirtyFiles := s.budget.dirty.Load(), int(s.budget.dirtyFiles.Load())
	s.mu.Lock()
	defer s.mu.Unlock()
	return Usage{Clean: max(0, s.budget.used.Load()-dirty), Dirty: dirty, DirtyFiles: dirtyFiles, Budget: s.budget.size,
		CleanFiles: max(0, len(s.files)+len(s.idle.byName)-dirtyFiles)}
}

// unlist takes f off the list of versions: it is not the copy of its version any more.
func (s *Store) unlist(f *File, name versionName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.listed && s.byVersion[name] == f {
		delete(s.byVersion, name)
	}
	f.listed = false
}

// list makes f the copy of its version. Another File of the version stays with those who have it.
func (s *Store) list(f *File, v Version) {
	if v.ETag == "" {
		return
	}
	name := nameOf(v)
	s.mu.Lock()
	if old := s.byVersion[name]; old != nil && old != f {
		old.listed = false
	}
	s.byVersion[name], f.listed = f, true
	e := s.idle.take(name)
	s.mu.Unlock()
	if e != nil {
		s.removeIdle(e)
		s.budget.used.Add(-e.bytes)
	}
}

// syncGhosts makes sure that unlinked records stay so.
func (s *Store) syncGhosts() error {
	if !s.ghosts.Swap(false) {
		return nil
	}
	if err := s.disk.SyncDir(dirJournal); err != nil {
		s.ghosts.Store(true)
		return err
	}
	return nil
}

// forgetRecovered drops a file that is not dirty any more.
func (s *Store) forgetRecovered(f *File) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recovered = slices.DeleteFunc(s.recovered, func(g *File) bool { return g == f })
}
