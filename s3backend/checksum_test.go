package s3backend

import (
	"hash/crc64"
	"testing"

	"pgregory.net/rapid"
)

func TestCombineCRC(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.SliceOfN(rapid.Byte(), 0, 3000).Draw(t, "a")
		b := rapid.SliceOfN(rapid.Byte(), 0, 3000).Draw(t, "b")
		want := crc64.Checksum(append(append([]byte{}, a...), b...), nvmeTable)
		if got := combineCRC(crc64.Checksum(a, nvmeTable), crc64.Checksum(b, nvmeTable), int64(len(b))); got != want {
			t.Fatalf("%x, want %x", got, want)
		}
	})
}

func TestCRCOfTheSpecification(t *testing.T) {
	if got := crc64.Checksum([]byte("123456789"), nvmeTable); got != 0xae8b14860a799888 { // the check value of CRC-64/NVME
		t.Errorf("%x", got)
	}
}

func TestMetadataValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := string(rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "v"))
		encoded := encodeValue(v)
		for i := range len(encoded) {
			if encoded[i] < ' ' || encoded[i] >= 0x7f {
				t.Fatalf("%q is sent as %q", v, encoded)
			}
		}
		if got := decodeMetadata(map[string]string{"K": encoded})["k"]; got != v {
			t.Fatalf("%q comes back as %q", v, got)
		}
	})
}

func FuzzParseCursor(f *testing.F) {
	f.Add("0:1:ab")
	f.Add("1:-1:x")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := parseCursor(s)
		if err != nil {
			return
		}
		if again, err := parseCursor(c.String()); err != nil || again != c {
			t.Errorf("%q: %+v, then %+v, %v", s, c, again, err)
		}
	})
}

func FuzzParseRange(f *testing.F) {
	f.Add("bytes 0-9/10")
	f.Add("bytes 9223372036854775806-9223372036854775806/9223372036854775807")
	f.Fuzz(func(t *testing.T, s string) {
		if first, end, total, ok := parseRange(s); ok && (first < 0 || end <= first || end > total) {
			t.Errorf("%q: %d to %d of %d", s, first, end, total)
		}
	})
}

func TestPartOf(t *testing.T) {
	for _, size := range []int64{1, maxCopy, 10 * maxCopy, 5 << 40} {
		each := partOf(size)
		if n := (size + each - 1) / each; n > maxParts || each > maxCopy {
			t.Errorf("%d bytes: %d parts of %d", size, n, each)
		}
	}
}
