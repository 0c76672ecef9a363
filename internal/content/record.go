package content

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"time"
)

// A record file is a header and slots (see log.go):
//
//	0   "sfsrec1\n"
//	8   format version, little endian like all that follows
//	12  length of the JSON
//	16  CRC-32C of the bytes 0 to 16 and of the JSON
//	20  zeros to 32
//	32  JSON, and zeros to the next multiple of 32
//
// The header has the state from which the slots go on, but for the written ranges and the upload, which slots tell. Keys, ETags and metadata are base64 in it, since they can have
// any bytes and JSON cannot.
const (
	recordMagic   = "sfsrec1\n"
	recordVersion = 1
	recordFixed   = 32
	maxHeader     = 1 << 20 // bytes; keys have at most 1 KiB and metadata 2 KiB
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errRecord = errors.New("damaged journal record")

// A newerError is a record of a version that this binary does not know.
type newerError struct{ version int }

func (e *newerError) Error() string { return fmt.Sprintf("journal record of format %d", e.version) }

// header is the JSON of a record.
type header struct {
	ID      string       `json:"id"`
	Data    string       `json:"data,omitempty"` // name of the data file; "" is the id
	Size    int64        `json:"size"`
	Limit   int64        `json:"limit"`
	Base    *jsonVersion `json:"base,omitempty"`
	Target  jsonTarget   `json:"target"`
	Reason  string       `json:"reason,omitempty"`
	Changed time.Time    `json:"changed"`
}

type jsonVersion struct {
	Key  []byte    `json:"key"`
	ETag []byte    `json:"etag"`
	Size int64     `json:"size"`
	Time time.Time `json:"modified"`
}

type jsonTarget struct {
	Key         []byte      `json:"key"`
	Intent      Intent      `json:"intent"`
	AppendFrom  int64       `json:"from,omitempty"`
	HasMetadata bool        `json:"has,omitempty"` // tells no metadata from unknown metadata
	Metadata    [][2][]byte `json:"meta,omitempty"`
	ContentType []byte      `json:"type,omitempty"`
}

type jsonTry struct {
	Nonce string `json:"n"`
	Size  int64  `json:"s"`
	Tail  bool   `json:"t,omitempty"`
	Moved bool   `json:"m,omitempty"` // what was sent is not what the slots before this note add up to
}

type jsonUpload struct {
	Key      []byte     `json:"key"`
	ID       []byte     `json:"id"`
	Nonce    string     `json:"nonce,omitempty"`
	PartSize int64      `json:"size"`
	Parts    []SentPart `json:"parts,omitempty"`
}

func toJSONVersion(v Version) *jsonVersion {
	return &jsonVersion{[]byte(v.Key), []byte(v.ETag), v.Size, v.LastModified}
}

func (j *jsonVersion) version() Version {
	return Version{string(j.Key), string(j.ETag), j.Size, j.Time}
}

func toJSONTarget(t Target) jsonTarget {
	j := jsonTarget{Key: []byte(t.Key), Intent: t.Intent, AppendFrom: t.AppendFrom, HasMetadata: t.Metadata != nil,
		ContentType: []byte(t.ContentType)}
	for k, v := range t.Metadata {
		j.Metadata = append(j.Metadata, [2][]byte{[]byte(k), []byte(v)})
	}
	return j
}

func (j jsonTarget) target() Target {
	t := Target{Key: string(j.Key), Intent: j.Intent, AppendFrom: j.AppendFrom, ContentType: string(j.ContentType)}
	if j.HasMetadata {
		t.Metadata = make(map[string]string, len(j.Metadata))
	}
	for _, kv := range j.Metadata {
		if t.Metadata != nil {
			t.Metadata[string(kv[0])] = string(kv[1])
		}
	}
	return t
}

func toJSONUpload(u *Upload) *jsonUpload {
	if u == nil {
		return nil
	}
	return &jsonUpload{[]byte(u.Key), []byte(u.ID), u.Nonce, u.PartSize, u.Parts}
}

func (j *jsonUpload) upload() *Upload {
	if j == nil {
		return nil
	}
	return &Upload{string(j.Key), string(j.ID), j.Nonce, j.PartSize, j.Parts}
}

// encodeHeader makes the head of a record file, a multiple of slotSize long.
func encodeHeader(h header) ([]byte, error) {
	j, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("cannot encode a journal record: %w", err)
	}
	b := make([]byte, recordFixed+(len(j)+slotSize-1)/slotSize*slotSize)
	copy(b, recordMagic)
	binary.LittleEndian.PutUint32(b[8:], recordVersion)
	binary.LittleEndian.PutUint32(b[12:], uint32(len(j)))
	copy(b[recordFixed:], j)
	binary.LittleEndian.PutUint32(b[16:], crc32.Update(crc32.Checksum(b[:16], castagnoli), castagnoli, j))
	return b, nil
}

// parseHeader reads what encodeHeader made and returns where the slots begin. Every version up to recordVersion is
// read; a newer one is a *newerError.
func parseHeader(b []byte) (h header, slots int, err error) {
	if len(b) < recordFixed || string(b[:8]) != recordMagic {
		return h, 0, errRecord
	}
	if v := binary.LittleEndian.Uint32(b[8:]); v > recordVersion {
		return h, 0, &newerError{int(v)}
	}
	n := int64(binary.LittleEndian.Uint32(b[12:]))
	if n > maxHeader || n > int64(len(b)-recordFixed) {
		return h, 0, errRecord
	}
	j := b[recordFixed : recordFixed+n]
	if crc32.Update(crc32.Checksum(b[:16], castagnoli), castagnoli, j) != binary.LittleEndian.Uint32(b[16:]) {
		return h, 0, errRecord
	}
	if err := json.Unmarshal(j, &h); err != nil {
		return h, 0, fmt.Errorf("%w: %w", errRecord, err)
	}
	if h.Size < 0 || h.Limit < 0 || h.Limit > h.Size || (h.Base != nil && h.Base.Size < h.Limit) {
		return h, 0, errRecord
	}
	return h, recordFixed + (int(n)+slotSize-1)/slotSize*slotSize, nil
}

func validParts(u *jsonUpload) bool {
	if u == nil {
		return true
	}
	last := int64(0)
	for _, p := range u.Parts {
		if !validPart(p) || p.Off < last {
			return false
		}
		last = p.end()
	}
	return true
}

func validPart(p SentPart) bool {
	return p.Off >= 0 && p.Size > 0 && p.Size <= maxSize && p.Off <= maxSize-p.Size
}

// header returns the state of m for a new record.
func (m *image) header(id string, changed time.Time) header {
	h := header{ID: id, Size: m.size, Limit: m.limit, Target: toJSONTarget(m.target), Reason: m.reason, Changed: changed}
	if m.hasBase {
		h.Base = toJSONVersion(m.base)
	}
	return h
}

// image makes the state that h has.
func (h header) image() *image {
	m := &image{size: h.Size, limit: h.Limit, target: h.Target.target(), reason: h.Reason}
	if h.Base != nil {
		m.base, m.hasBase = h.Base.version(), true
	}
	return m
}
