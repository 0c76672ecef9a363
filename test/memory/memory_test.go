//go:build linux && !sandbox

package memory

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/sentient-agi/sentientfs/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// limit is what a daemon with the default budget may take, in bytes.
const limit = 150 << 20

const chunk = 1 << 20

// TestCopyOfALargeFile copies a file in through one mount and out through another, which has nothing of it.
func TestCopyOfALargeFile(t *testing.T) {
	if harness.Plain() {
		t.Skip("measures daemons")
	}
	size := int64(2 << 30)
	if testing.Short() {
		size = 256 << 20
	}
	in := harness.NewMount(t, harness.MountOptions{})
	if err := fill(in.Path("large"), size); err != nil {
		t.Fatal(err)
	}
	wantPeak(t, "in", in)
	out := harness.NewMount(t, harness.MountOptions{Server: in.Server})
	if err := verify(out.Path("large"), size); err != nil {
		t.Fatal(err)
	}
	wantPeak(t, "out", out)
}

// stamp makes each MiB different from the others.
func stamp(b []byte, off int64) { binary.LittleEndian.PutUint64(b, uint64(off)) }

func fill(name string, size int64) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	b := bytes.Repeat([]byte("sentient"), chunk/8)
	for off := int64(0); off < size && err == nil; off += chunk {
		stamp(b, off)
		_, err = f.Write(b)
	}
	return errors.Join(err, f.Close())
}

func verify(name string, size int64) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	got, want := make([]byte, chunk), bytes.Repeat([]byte("sentient"), chunk/8)
	for off := int64(0); off < size; off += chunk {
		if _, err := io.ReadFull(f, got); err != nil {
			return fmt.Errorf("at %d: %w", off, err)
		}
		if stamp(want, off); !bytes.Equal(got, want) {
			return fmt.Errorf("wrong bytes in the MiB at %d", off)
		}
	}
	if n, err := f.Read(got); n != 0 || err != io.EOF {
		return fmt.Errorf("at the end: %d bytes, %v", n, err)
	}
	return nil
}

// wantPeak fails if the daemon ever had more than limit resident.
func wantPeak(t *testing.T, what string, m *harness.Mount) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", m.Pid()))
	if err != nil {
		t.Fatal(err)
	}
	_, line, _ := strings.Cut(string(status), "VmHWM:")
	var kib int64
	if _, err := fmt.Sscan(line, &kib); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: at most %d MiB", what, kib>>10)
	if kib<<10 > limit {
		t.Errorf("%s: the daemon had up to %d MiB in memory, want at most %d", what, kib>>10, limit>>20)
	}
}
