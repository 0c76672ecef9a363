package content

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"
	"time"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// seal makes the checksum of a header right, so that fuzzing gets behind it.
func sealHeader(b []byte) []byte {
	b = bytes.Clone(b)
	if len(b) < recordFixed {
		return b
	}
	n := min(int(binary.LittleEndian.Uint32(b[12:])), len(b)-recordFixed)
	binary.LittleEndian.PutUint32(b[12:], uint32(max(0, n)))
	sum := crc32.Update(crc32.Checksum(b[:16], castagnoli), castagnoli, b[recordFixed:recordFixed+n])
	binary.LittleEndian.PutUint32(b[16:], sum)
	return b
}

func sealSlots(b []byte) []byte {
	b = bytes.Clone(b)
	for n := 0; (n+1)*slotSize <= len(b); n++ {
		s := b[n*slotSize:]
		binary.LittleEndian.PutUint32(s[4:], uint32(n))
		binary.LittleEndian.PutUint32(s[28:], crc32.Checksum(s[:28], castagnoli))
	}
	return b
}

func exampleHeader(t interface{ Fatal(...any) }) []byte {
	m := &image{size: 10, limit: 5, base: Version{Key: "k\xff", ETag: "e", Size: 7, LastModified: time.Unix(1, 0)}, hasBase: true,
		target: Target{Key: "k", Intent: IntentAppend, AppendFrom: 5, Metadata: map[string]string{"a": "b"}, ContentType: "t"}}
	b, err := encodeHeader(m.header("id", time.Unix(2, 0)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// FuzzRecord reads records that may be anything: an error or a state that can be written and read again.
func FuzzRecord(f *testing.F) {
	b := exampleHeader(f)
	f.Add(b)
	f.Add(b[:40])
	f.Add([]byte(recordMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, b := range [][]byte{b, sealHeader(b)} {
			h, n, err := parseHeader(b)
			if err != nil {
				continue
			}
			again, err := encodeHeader(h)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := parseHeader(again); err != nil {
				t.Fatalf("cannot read what was written from %+v: %v", h, err)
			}
			if n%slotSize != 0 || n < recordFixed {
				t.Fatalf("slots begin at %d", n)
			}
		}
	})
}

// FuzzSlots replays slots that may be anything, with right checksums: the image stays one.
func FuzzSlots(f *testing.F) {
	var all []byte
	for _, s := range []slot{{slotWrite, 0, 100, 1}, {slotZero, 50, 200, 0}, {slotResize, 70, 0, 0}, {slotClosed, 0, 0, 0},
		{slotCommit, 3, 0, 0}, {slotGone, 0, 40, 0}, {slotLost, 10, 20, 0}, {slotWrite, 500, 600, 9}} {
		all = append(all, make([]byte, slotSize)...)
		s.encode(all[len(all)-slotSize:], len(all)/slotSize-1)
	}
	f.Add(all)
	part := SentPart{Part: object.Part{Number: 1, ETag: "e", Size: 50}, Off: 0}
	for sort, v := range map[byte]any{noteTarget: jsonTarget{Key: []byte("k")}, notePart: part, noteReason: "why",
		noteUpload: &jsonUpload{Key: []byte("k"), ID: []byte("i"), Parts: []SentPart{part}}, noteBase: toJSONVersion(Version{Size: 9}),
		noteTry: Try{Nonce: "n", Size: 9, Gen: 1}.json(false)} {
		note, err := encodeNote(sort, v, len(all)/slotSize)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(append(bytes.Clone(all), note...))
		f.Add(note)
	}
	head := exampleHeader(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, b := range [][]byte{b, sealSlots(b)} {
			for _, sameBoot := range []bool{true, false} {
				r, err := replay(append(bytes.Clone(head), b...), sameBoot)
				if err != nil {
					t.Fatal(err)
				}
				r.img.check(t)
				r.old.check(t)
			}
		}
	})
}

// check verifies what the comment of image says.
func (m *image) check(t *testing.T) {
	t.Helper()
	for _, s := range []*extents{&m.written, &m.zero, &m.gone, &m.filled} {
		s.check(t)
		s.each(m.size, 1<<62, func(e extent) bool { t.Fatalf("%v is behind the size %d", e, m.size); return false })
	}
	for _, s := range []*extents{&m.zero, &m.gone} {
		s.each(0, 1<<62, func(e extent) bool {
			if !m.written.has(e.off, e.end) {
				t.Fatalf("%v is not written", e)
			}
			return true
		})
	}
	if m.limit > m.size || (m.hasBase && m.limit > m.base.Size) || m.size < 0 {
		t.Fatalf("size %d, limit %d, base %d", m.size, m.limit, m.base.Size)
	}
	if m.upload != nil && !validParts(toJSONUpload(m.upload)) {
		t.Fatalf("parts %v", m.upload.Parts)
	}
}

// FuzzSidecar reads checksums that may be anything.
func FuzzSidecar(f *testing.F) {
	name, size := nameOf(Version{Key: "k"}), int64(5*blockSize+7)
	var t blockTable
	t.set(0, 1, true)
	t.set(1, 2, true)
	t.set(5, 3, true)
	b := t.encodeSidecar(name, size)
	f.Add(b)
	f.Add(b[:len(b)-5])
	f.Fuzz(func(t *testing.T, b []byte) {
		sealed := bytes.Clone(b)
		if n := len(b) - 4; n >= 32 {
			copy(sealed[16:], name[:])
			binary.LittleEndian.PutUint32(sealed[n:], crc32.Checksum(sealed[:n], castagnoli))
		}
		for _, b := range [][]byte{b, sealed} {
			table, err := parseSidecar(b, name, size)
			if err != nil {
				continue
			}
			again, err := parseSidecar(table.encodeSidecar(name, size), name, size)
			if err != nil {
				t.Fatalf("cannot read what was written: %v", err)
			}
			for _, r := range again.blockRuns() {
				if r[1] > 6 {
					t.Fatalf("block %d of a file of 6", r[1]-1)
				}
			}
		}
	})
}
