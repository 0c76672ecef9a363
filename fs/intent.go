package fs

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// intentFormat is the version of the records. A record of a later one is left alone.
const intentFormat = 1

// The phases of a directory rename. While it copies it can be undone, since all sources are there; once it deletes it
// can only be finished.
const (
	phaseCopy   = "copy"
	phaseDelete = "delete"
)

// An intent is the record of a directory rename that is under way: ID.json says what is renamed and how far it is,
// ID.log which objects were copied. Before the first source is deleted both are on disk with phase "delete"; before
// that a crash leaves phase "copy". The log has a slot of two fingerprints for each copy: of the source as it was, and
// of the copy as it is. So recovery deletes a source only if it is what was copied, and a copy only if it is what was
// made. A slot that was lost leaves an object more, never one less.
type intent struct {
	intentHeader
	dir string     // "" keeps the record in memory, and a crash is not recovered from
	id  string     // name of the files
	mu  sync.Mutex // guards log and slots
	log *os.File
	mem []slot
}

type intentHeader struct {
	Format int       `json:"format"`
	Src    string    `json:"src"` // keys with their slash at the end
	Dst    string    `json:"dst"`
	Phase  string    `json:"phase"`
	Begun  time.Time `json:"begun"`
}

// A slot tells of one copy. A zero Copy is not ours to remove: something was there that is as good.
type slot struct{ Source, Copy uint64 }

// slotSize is the size of a slot in the log in bytes.
const slotSize = 16

// sealed is how a header is written: the checksum is of the bytes of the record.
type sealed struct {
	CRC    string          `json:"crc32"`
	Record json.RawMessage `json:"record"`
}

// fingerprint names a version of the object that has rest as the end of its key. The ETag of an empty object is that
// of all, so its time counts too.
func fingerprint(rest string, info object.Info) uint64 {
	h := sha256.New()
	fmt.Fprintf(h, "%s\x00%d\x00%s", rest, info.Size, info.ETag)
	if info.Empty() {
		fmt.Fprintf(h, "\x00%d", info.LastModified.Unix())
	}
	return max(binary.LittleEndian.Uint64(h.Sum(nil)), 1)
}

// newIntent records that src is about to be renamed to dst.
func newIntent(dir, src, dst string) (*intent, error) {
	now := time.Now()
	t := &intent{dir: dir, id: strconv.FormatInt(now.UnixNano(), 36),
		intentHeader: intentHeader{Format: intentFormat, Src: src, Dst: dst, Phase: phaseCopy, Begun: now.UTC()}}
	if dir == "" {
		return t, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(t.path(".log"), os.O_CREATE|os.O_EXCL|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	t.log = log
	if err := t.save(); err != nil {
		t.remove()
		return nil, err
	}
	return t, nil
}

func (t *intent) path(ext string) string { return filepath.Join(t.dir, t.id+ext) }

// save writes the header: a crash leaves the old one or the new one.
func (t *intent) save() error {
	record, err := json.Marshal(t.intentHeader)
	if err != nil {
		return err
	}
	b, err := json.Marshal(sealed{CRC: fmt.Sprintf("%08x", crc32.ChecksumIEEE(record)), Record: record})
	if err != nil {
		return err
	}
	tmp, err := os.OpenFile(t.path(".tmp"), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = tmp.Write(b)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Rename(t.path(".tmp"), t.path(".json")); err != nil {
		return err
	}
	return syncDir(t.dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// deletes notes, for good, that all is copied and that the sources go from now on.
func (t *intent) deletes() error {
	t.Phase = phaseDelete
	if t.dir == "" {
		return nil
	}
	if err := t.log.Sync(); err != nil {
		return err
	}
	return t.save()
}

// copied notes a copy. It is called by many goroutines.
func (t *intent) copied(s slot) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.log == nil {
		t.mem = append(t.mem, s)
		return nil
	}
	b := binary.LittleEndian.AppendUint64(nil, s.Source)
	_, err := t.log.Write(binary.LittleEndian.AppendUint64(b, s.Copy))
	return err
}

// A set of fingerprints, sorted: 8 MB for a million.
type prints []uint64

func (p prints) has(f uint64) bool {
	_, ok := slices.BinarySearch(p, f)
	return ok
}

// seen returns the fingerprints of all sources and copies that were noted.
func (t *intent) seen() (sources, copies prints, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	add := func(s slot) {
		sources = append(sources, s.Source)
		if s.Copy != 0 {
			copies = append(copies, s.Copy)
		}
	}
	for _, s := range t.mem {
		add(s)
	}
	if t.log != nil {
		err = readSlots(t.log, add)
	}
	slices.Sort(sources)
	slices.Sort(copies)
	return sources, copies, err
}

// readSlots reads a log from its start. The last slot may be cut by a crash.
func readSlots(log io.ReaderAt, add func(slot)) error {
	buf := make([]byte, 4096*slotSize)
	for off := int64(0); ; {
		n, err := log.ReadAt(buf, off)
		for b := buf[:n-n%slotSize]; len(b) > 0; b = b[slotSize:] {
			add(slot{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])})
		}
		off += int64(n)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// close lets go of the record and leaves it on disk.
func (t *intent) close() {
	if t.log != nil {
		t.log.Close()
	}
}

// remove ends the record: the header goes first, and a log without a header means nothing.
func (t *intent) remove() error {
	t.close()
	if t.dir == "" {
		return nil
	}
	return errors.Join(os.Remove(t.path(".json")), syncDir(t.dir), os.Remove(t.path(".log")))
}

// openIntents returns the records in dir, oldest first, and an error for those that cannot be used, which stay.
func openIntents(dir string) (list []*intent, err error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		t, e := openIntent(dir, strings.TrimSuffix(filepath.Base(name), ".json"))
		if e != nil {
			err = errors.Join(err, e)
			continue
		}
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b *intent) int { return a.Begun.Compare(b.Begun) })
	return list, err
}

func openIntent(dir, id string) (*intent, error) {
	t := &intent{dir: dir, id: id}
	b, err := os.ReadFile(t.path(".json"))
	if err != nil {
		return nil, err
	}
	if t.intentHeader, err = decodeIntent(b); err != nil {
		return nil, fmt.Errorf("cannot use the rename record %s: %w", t.path(".json"), err)
	}
	t.log, err = os.OpenFile(t.path(".log"), os.O_RDWR|os.O_APPEND, 0)
	if errors.Is(err, fs.ErrNotExist) { // the directory entry did not survive: nothing is known to be copied
		return t, nil
	}
	return t, err
}

// decodeIntent reads a header and refuses what it cannot trust.
func decodeIntent(b []byte) (intentHeader, error) {
	var s sealed
	var h intentHeader
	if err := json.Unmarshal(b, &s); err != nil {
		return h, err
	}
	if got := fmt.Sprintf("%08x", crc32.ChecksumIEEE(s.Record)); got != s.CRC {
		return h, fmt.Errorf("its checksum is %s, and it says %s", got, s.CRC)
	}
	if err := json.Unmarshal(s.Record, &h); err != nil {
		return h, err
	}
	switch {
	case h.Format > intentFormat:
		return h, fmt.Errorf("it has format %d of a later version; this one knows %d", h.Format, intentFormat)
	case h.Phase != phaseCopy && h.Phase != phaseDelete:
		return h, fmt.Errorf("its phase is %q", h.Phase)
	case !strings.HasSuffix(h.Src, "/") || !strings.HasSuffix(h.Dst, "/") || strings.HasPrefix(h.Dst, h.Src) || strings.HasPrefix(h.Src, h.Dst):
		return h, fmt.Errorf("it renames %q to %q", h.Src, h.Dst)
	}
	return h, nil
}
