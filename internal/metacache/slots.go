package metacache

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
)

// slots is a hash table in a sparse file of a fixed size, so that it needs no memory, no start-up and no upkeep. A
// fingerprint belongs into one bucket of four slots; a full bucket loses one of them at random. A slot is
//
//	crc32c of the rest, length of the value (2 bytes), fingerprint (16 bytes), value
//
// What a crash, a full disk or another writer tore fails its checksum and counts as empty, which costs one request.
type slots struct {
	f       *os.File
	buckets uint64
	log     *slog.Logger
	warn    sync.Once
}

const (
	slotSize   = 256 // bytes; mode, owner and times of s3fs take about 100
	slotHead   = 4 + 2 + 16
	slotWays   = 4
	bucketSize = slotSize * slotWays
	slotCount  = 1 << 18     // 64 MiB when full
	slotsFile  = "metadata1" // the number is the format's
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func openSlots(dir string, count int, log *slog.Logger) (*slots, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the folder for metadata: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, slotsFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot open the file for metadata: %w", err)
	}
	return &slots{f: f, buckets: uint64(count / slotWays), log: log}, nil
}

func (s *slots) close() error { return s.f.Close() }

// bucket reads the slots for fp; what is not in the file reads as empty.
func (s *slots) bucket(fp fingerprint) (b [bucketSize]byte, off int64) {
	off = int64(binary.LittleEndian.Uint64(fp[:])%s.buckets) * bucketSize
	s.f.ReadAt(b[:], off) // an error leaves slots that are empty or fail their checksum
	return b, off
}

// value is what slot holds for whom; ok is false for an empty or torn slot.
func slotValue(slot []byte) (fp fingerprint, v []byte, ok bool) {
	n := int(binary.LittleEndian.Uint16(slot[4:]))
	if n > slotSize-slotHead ||
		binary.LittleEndian.Uint32(slot) != crc32.Checksum(slot[4:slotHead+n], castagnoli) {
		return fp, nil, false
	}
	return fingerprint(slot[6:slotHead]), slot[slotHead : slotHead+n], true
}

func (s *slots) get(fp fingerprint) (string, bool) {
	b, _ := s.bucket(fp)
	for i := range slotWays {
		if have, v, ok := slotValue(b[i*slotSize:][:slotSize]); ok && have == fp {
			return string(v), true
		}
	}
	return "", false
}

// put keeps v, unless it is too long for a slot.
func (s *slots) put(fp fingerprint, v string) {
	if len(v) > slotSize-slotHead {
		return
	}
	b, off := s.bucket(fp)
	way := -1
	for i := range slotWays {
		have, _, ok := slotValue(b[i*slotSize:][:slotSize])
		if ok && have == fp {
			way = i
			break
		}
		if !ok && way < 0 {
			way = i
		}
	}
	if way < 0 {
		way = rand.IntN(slotWays)
	}
	slot := make([]byte, slotHead, slotSize)
	binary.LittleEndian.PutUint16(slot[4:], uint16(len(v)))
	copy(slot[6:], fp[:])
	slot = append(slot, v...)
	binary.LittleEndian.PutUint32(slot, crc32.Checksum(slot[4:], castagnoli))
	if _, err := s.f.WriteAt(slot, off+int64(way)*slotSize); err != nil {
		s.warn.Do(func() { s.log.Warn("metadata is not kept on disk", "error", err) })
	}
}
