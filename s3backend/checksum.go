package s3backend

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
	"strings"
	"sync/atomic"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// nvmePoly is CRC-64/NVME's polynomial, its bits reversed as hash/crc64 wants them (NVM Express specification).
const nvmePoly = 0x9a6c9329ac4bc9b5

var (
	nvmeTable       = crc64.MakeTable(nvmePoly)
	castagnoliTable = crc32.MakeTable(crc32.Castagnoli)
)

// sumMode is how the server is made to verify what it gets: the best that it was seen to know.
type sumMode int32

const (
	sumCRC sumMode = iota // x-amz-checksum-crc64nvme
	sumMD5                // Content-MD5, which every S3 knows
	sumNone
)

// hashBuffer is the piece in which bodies are hashed, in bytes.
const hashBuffer = 128 << 10

// sumBody feeds all of body to h.
func sumBody(body object.Body, h hash.Hash) error {
	n, err := io.CopyBuffer(h, onlyReader{io.NewSectionReader(body, 0, body.Size())}, make([]byte, hashBuffer))
	if err == nil && n != body.Size() {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return &bodyError{err}
	}
	return nil
}

// onlyReader hides WriteTo, which would bring buffers of its own.
type onlyReader struct{ io.Reader }

func crcOf(body object.Body) (uint64, error) {
	h := crc64.New(nvmeTable)
	err := sumBody(body, h)
	return h.Sum64(), err
}

func md5Of(body object.Body) ([]byte, error) {
	h := md5.New()
	err := sumBody(body, h)
	return h.Sum(nil), err
}

func encodeCRC(crc uint64) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, crc))
}

// decodeCRC reads the value of a header, nil where there is none or it is not of a whole object.
func decodeCRC(value *string) *uint64 {
	if value == nil {
		return nil
	}
	b, err := base64.StdEncoding.DecodeString(*value)
	if err != nil || len(b) != 8 {
		return nil
	}
	crc := binary.BigEndian.Uint64(b)
	return &crc
}

// combineCRC is the checksum of two pieces, of which the second has size bytes. A CRC is linear over GF(2): that of
// the first piece is moved over size zero bytes by squaring the matrix of one, as zlib's crc32_combine does.
func combineCRC(first, second uint64, size int64) uint64 {
	if size <= 0 {
		return first
	}
	var odd, even [64]uint64
	odd[0] = nvmePoly // one zero bit
	for i := 1; i < 64; i++ {
		odd[i] = 1 << (i - 1)
	}
	square(&even, &odd) // two bits
	square(&odd, &even) // four
	for {
		square(&even, &odd) // the first time: eight bits, one byte
		if size&1 != 0 {
			first = times(&even, first)
		}
		if size >>= 1; size == 0 {
			break
		}
		square(&odd, &even)
		if size&1 != 0 {
			first = times(&odd, first)
		}
		if size >>= 1; size == 0 {
			break
		}
	}
	return first ^ second
}

func times(m *[64]uint64, v uint64) uint64 {
	var sum uint64
	for i := 0; v != 0; i, v = i+1, v>>1 {
		if v&1 != 0 {
			sum ^= m[i]
		}
	}
	return sum
}

func square(to, from *[64]uint64) {
	for i := range from {
		to[i] = times(from, from[i])
	}
}

// checker verifies the bytes of a whole object.
type checker struct {
	hash.Hash
	want []byte
}

// newChecker takes the strongest of what the answer tells of the whole object, nil if that is nothing. A value with a
// dash is one of parts, which says nothing of the bytes in a row.
func newChecker(nvme, crc32c, crc32ieee, sha256sum, sha1sum *string) *checker {
	for _, c := range []struct {
		value *string
		make  func() hash.Hash
	}{
		{nvme, func() hash.Hash { return crc64.New(nvmeTable) }},
		{crc32c, func() hash.Hash { return crc32.New(castagnoliTable) }},
		{crc32ieee, func() hash.Hash { return crc32.NewIEEE() }},
		{sha256sum, sha256.New},
		{sha1sum, sha1.New},
	} {
		if c.value == nil || strings.Contains(*c.value, "-") {
			continue
		}
		h := c.make()
		if want, err := base64.StdEncoding.DecodeString(*c.value); err == nil && len(want) == h.Size() {
			return &checker{h, want}
		}
	}
	return nil
}

func (c *checker) holds() bool { return string(c.Sum(nil)) == string(c.want) }

// isMD5 tells whether an ETag has the form of the content's MD5.
func isMD5(etag string) bool {
	_, err := hex.DecodeString(etag)
	return err == nil && len(etag) == 2*md5.Size
}

// sendBody is a Body on its way. It remembers why it could not be read, which the connection's error does not tell.
type sendBody struct {
	*io.SectionReader
	failed atomic.Pointer[bodyError]
}

func newSendBody(body object.Body) *sendBody {
	return &sendBody{SectionReader: io.NewSectionReader(body, 0, body.Size())}
}

func (b *sendBody) Read(p []byte) (int, error) {
	n, err := b.SectionReader.Read(p)
	if err == io.EOF {
		if at, _ := b.Seek(0, io.SeekCurrent); at < b.Size() {
			err = io.ErrUnexpectedEOF
		}
	}
	if err != nil && err != io.EOF {
		b.failed.Store(&bodyError{err})
	}
	return n, err
}

// cause prefers the failure of the body to what came of it.
func (b *sendBody) cause(err error) error {
	if e := b.failed.Load(); e != nil && err != nil {
		return e
	}
	return err
}
