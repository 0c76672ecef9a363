package metacache

import (
	"crypto/sha256"
	"encoding/binary"
	"log/slog"
	"sync"
	"time"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// settled is the age from which a version's metadata is kept beyond the TTLs. LastModified counts seconds, and a copy
// of an object onto itself leaves its ETag: while that second may still run on the server, one version in our eyes can
// be two. One second for the resolution, two for clocks that disagree.
const settled = 3 * time.Second

// fingerprint names one version of one object.
type fingerprint [16]byte

func fingerprintOf(i object.Info) fingerprint {
	h := sha256.New()
	var n [16]byte
	binary.LittleEndian.PutUint64(n[:8], uint64(i.Size))
	binary.LittleEndian.PutUint64(n[8:], uint64(i.LastModified.Unix()))
	h.Write(n[:])
	h.Write([]byte(i.ETag))
	h.Write([]byte{0})
	h.Write([]byte(i.Key))
	return fingerprint(h.Sum(nil))
}

// known keeps the metadata of versions, which never changes: in memory what was used last, on disk what fits there.
type known struct {
	disk *slots // nil for none

	mu  sync.Mutex // guards mem; a leaf
	mem *lru[fingerprint, string]
}

func openKnown(dir string, memory int64, log *slog.Logger) (*known, error) {
	k := &known{mem: newLRU[fingerprint, string](memory)}
	if dir == "" {
		return k, nil
	}
	var err error
	k.disk, err = openSlots(dir, slotCount, log)
	return k, err
}

func (k *known) close() error {
	if k.disk == nil {
		return nil
	}
	return k.disk.close()
}

// put keeps what info tells of its version, and reports whether it did: not if it knows nothing of the metadata or
// cannot tell the version from another.
func (k *known) put(info object.Info) bool {
	if info.Metadata == nil || info.ETag == "" || info.LastModified.IsZero() ||
		time.Since(info.LastModified) < settled {
		return false
	}
	fp, v := fingerprintOf(info), string(encodeFacts(info))
	k.mu.Lock()
	old, had := k.mem.get(fp)
	if !had || old != v {
		k.keepLocked(fp, v)
	}
	k.mu.Unlock()
	if (!had || old != v) && k.disk != nil {
		k.disk.put(fp, v)
	}
	return true
}

func (k *known) keepLocked(fp fingerprint, v string) {
	// 160: the node, its place in the map, the string's header.
	k.mem.put(fp, v, 160+int64(len(v)))
}

// get adds to info, as a listing has it, what is known of its version, and reports whether anything is.
func (k *known) get(info *object.Info) bool {
	if info.ETag == "" || info.LastModified.IsZero() {
		return false
	}
	fp := fingerprintOf(*info)
	k.mu.Lock()
	v, ok := k.mem.get(fp)
	k.mu.Unlock()
	if !ok && k.disk != nil {
		if v, ok = k.disk.get(fp); ok {
			k.mu.Lock()
			k.keepLocked(fp, v)
			k.mu.Unlock()
		}
	}
	return ok && decodeFacts(v, info)
}
