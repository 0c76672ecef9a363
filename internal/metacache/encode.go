package metacache

import (
	"encoding/binary"
	"maps"
	"slices"
	"time"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// A reader of what the encoders here wrote. After any mistake it is bad, and answers zeros.
type decoder[B string | []byte] struct {
	b   B
	bad bool
}

func (d *decoder[B]) uint() uint64 {
	var v uint64
	for i := 0; i < len(d.b) && i < binary.MaxVarintLen64; i++ {
		v |= uint64(d.b[i]&0x7f) << (7 * i)
		if d.b[i] < 0x80 {
			d.b = d.b[i+1:]
			return v
		}
	}
	d.bad = true
	return 0
}

func (d *decoder[B]) text() string {
	n := d.uint()
	if d.bad || n > uint64(len(d.b)) {
		d.bad = true
		return ""
	}
	s := string(d.b[:n])
	d.b = d.b[n:]
	return s
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// encodeFacts writes what a listing does not tell of an object: content type, checksum, metadata in the order of keys.
func encodeFacts(i object.Info) []byte {
	b := appendText(nil, i.ContentType)
	if i.CRC64NVME != nil {
		b = append(b, 1)
		b = binary.AppendUvarint(b, *i.CRC64NVME)
	} else {
		b = append(b, 0)
	}
	b = binary.AppendUvarint(b, uint64(len(i.Metadata)))
	for _, k := range slices.Sorted(maps.Keys(i.Metadata)) {
		b = appendText(appendText(b, k), i.Metadata[k])
	}
	return b
}

// decodeFacts reads encodeFacts' writing into i, which is left alone if it cannot be read.
func decodeFacts(v string, i *object.Info) bool {
	d := decoder[string]{b: v}
	contentType := d.text()
	var crc *uint64
	if d.uint() == 1 {
		n := d.uint()
		crc = &n
	}
	n := d.uint()
	meta := map[string]string{}
	for ; n > 0 && !d.bad; n-- {
		k := d.text()
		meta[k] = d.text()
	}
	if d.bad || len(d.b) > 0 {
		return false
	}
	i.ContentType, i.CRC64NVME, i.Metadata = contentType, crc, meta
	return true
}

// An item is one name of a listing: raw is the key without the directory, with a slash at the end of directories.
type item struct {
	raw  string
	size int64
	etag string
	mod  time.Time
}

func appendItem(b []byte, it item) []byte {
	b = appendText(b, it.raw)
	b = binary.AppendUvarint(b, uint64(it.size))
	b = appendText(b, it.etag)
	if it.mod.IsZero() {
		return binary.AppendUvarint(b, 0)
	}
	return binary.AppendUvarint(b, uint64(it.mod.UnixNano()))
}

func (d *decoder[B]) item() item {
	it := item{raw: d.text(), size: int64(d.uint()), etag: d.text()}
	if n := d.uint(); n != 0 {
		it.mod = time.Unix(0, int64(n))
	}
	return it
}
