package content

import (
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
)

// A slot is one change of an image, 32 bytes long, so that a sector never has a half of one:
//
//	0   kind
//	4   number of the slot in its file, counted from 0
//	8   a, 16 b: what kind says; 16 bytes of text in a note
//	24  CRC-32C of the written data; in a note, how many bytes of its text are left, with this slot's, and its sort
//	28  CRC-32C of the bytes 0 to 28
const slotSize = 32

// The kinds of slots.
const (
	slotWrite  = 1 // [a,b) was written
	slotZero   = 2 // [a,b) is zero
	slotResize = 3 // the size became a
	slotNote   = 4 // the next piece of a note
	slotCommit = 5 // the data of the slots before number a is on the disk
	slotClosed = 6 // the writer closed the file
	slotGone   = 7 // the written bytes of [a,b) were sent and freed
	slotLost   = 8 // [a,b) was written and is lost
	slotHead   = 9 // the first piece of a note, which is JSON of one of the note sorts
)

// The sorts of notes: in the upper byte of a note's last field.
const (
	noteTarget = 1
	noteUpload = 2 // null: no upload any more
	notePart   = 3
	noteReason = 4
	noteBase   = 5
	noteTry    = 6
)

const (
	noteText = 16
	maxNote  = 1<<24 - 1
	maxSize  = 1 << 60 // bytes of a file; S3 ends at 5 TiB
)

type slot struct {
	kind byte
	a, b int64
	crc  uint32
}

func (s slot) encode(to []byte, number int) {
	clear(to[:8])
	to[0] = s.kind
	binary.LittleEndian.PutUint32(to[4:], uint32(number))
	binary.LittleEndian.PutUint64(to[8:], uint64(s.a))
	binary.LittleEndian.PutUint64(to[16:], uint64(s.b))
	binary.LittleEndian.PutUint32(to[24:], s.crc)
	binary.LittleEndian.PutUint32(to[28:], crc32.Checksum(to[:28], castagnoli))
}

// parseSlot reads the slot with a number; ok is false where none was written or what was written is torn.
func parseSlot(b []byte, number int) (s slot, ok bool) {
	if len(b) < slotSize || b[0] == 0 || binary.LittleEndian.Uint32(b[4:]) != uint32(number) ||
		binary.LittleEndian.Uint32(b[28:]) != crc32.Checksum(b[:28], castagnoli) {
		return s, false
	}
	s = slot{kind: b[0], a: int64(binary.LittleEndian.Uint64(b[8:])), b: int64(binary.LittleEndian.Uint64(b[16:])),
		crc: binary.LittleEndian.Uint32(b[24:])}
	switch s.kind {
	case slotWrite, slotZero, slotGone, slotLost:
		return s, s.a >= 0 && s.a < s.b && s.b <= maxSize
	case slotResize:
		return s, s.a >= 0 && s.a <= maxSize
	}
	return s, true
}

// encodeNote spreads JSON over slots from number on.
func encodeNote(sort byte, v any, number int) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var out []byte
	for left := len(text); left > 0; left -= noteText {
		var piece [noteText]byte
		copy(piece[:], text[len(text)-left:])
		kind := byte(slotNote)
		if left == len(text) {
			kind = slotHead
		}
		s := slot{kind: kind, a: int64(binary.LittleEndian.Uint64(piece[:])),
			b: int64(binary.LittleEndian.Uint64(piece[8:])), crc: uint32(left) | uint32(sort)<<24}
		out = append(out, make([]byte, slotSize)...)
		s.encode(out[len(out)-slotSize:], number)
		number++
	}
	return out, nil
}

// A noteReader puts notes together again.
type noteReader struct {
	sort byte
	text []byte
	left int
}

// add takes the next slot of any kind and tells whether a note is whole by it. Pieces that do not follow each other
// are dropped: the note was torn.
func (r *noteReader) add(s slot) bool {
	sort, left := byte(s.crc>>24), int(s.crc&maxNote)
	switch {
	case s.kind == slotHead && left > 0:
		r.text = r.text[:0]
	case s.kind == slotNote && left > 0 && left == r.left && sort == r.sort:
	default:
		r.left = 0
		return false
	}
	var piece [noteText]byte
	binary.LittleEndian.PutUint64(piece[:], uint64(s.a))
	binary.LittleEndian.PutUint64(piece[8:], uint64(s.b))
	r.sort = sort
	r.text = append(r.text, piece[:min(left, noteText)]...)
	r.left = max(0, left-noteText)
	return r.left == 0
}

// note makes the change of a whole note. A note that does not fit is left out: its JSON is guarded by the CRCs, so
// that it is at most of a sort that is not known. gen is the tag of what the note changes.
func (m *image) note(sort byte, text []byte, gen uint64) {
	switch sort {
	case noteTarget:
		var t jsonTarget
		if json.Unmarshal(text, &t) == nil {
			m.target, m.closed, m.metaTag = t.target(), false, gen
		}
	case noteUpload:
		var u *jsonUpload
		if json.Unmarshal(text, &u) == nil && validParts(u) {
			m.upload = u.upload()
		}
	case notePart:
		var p SentPart
		if json.Unmarshal(text, &p) == nil && validPart(p) && p.end() <= m.size {
			m.sent(p)
		}
	case noteReason:
		var reason string
		if json.Unmarshal(text, &reason) == nil {
			m.reason = reason
		}
	case noteBase:
		var v *jsonVersion
		if json.Unmarshal(text, &v) == nil && v != nil && v.Size >= m.limit {
			m.base = v.version()
		}
	case noteTry:
		var t jsonTry
		if json.Unmarshal(text, &t) == nil && t.Nonce != "" {
			m.addTry(t.try(gen))
		}
	}
}

// apply makes the change of a slot, with gen as the tag of what it writes. Notes and commits are the caller's.
func (m *image) apply(s slot, gen uint64) {
	switch s.kind {
	case slotWrite:
		if s.a > m.size {
			m.setZero(m.size, s.a, gen)
		}
		m.write(s.a, s.b, gen)
	case slotZero:
		m.setZero(s.a, s.b, gen)
	case slotResize:
		m.truncate(s.a, gen)
		m.metaTag, m.sizeTag = gen, gen
	case slotClosed:
		m.closed = true
	case slotGone:
		m.punched(s.a, min(s.b, m.size))
	case slotLost:
		m.lose(s.a, s.b, gen)
	}
}
