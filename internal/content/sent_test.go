package content

import (
	"bytes"
	"errors"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sentient-agi/sentientfs/internal/object"
)

const testPart = 1 << 20

func sentFile(t *testing.T, s *Store, parts int) *File {
	t.Helper()
	f := create(t, s, "k")
	write(t, f, 0, pattern(parts*testPart, 0))
	must(t, f.SetUpload(Upload{Key: "k", ID: "up\xff", PartSize: testPart}))
	gen := f.Generation()
	for n := range parts {
		must(t, f.PartSent(object.Part{Number: n + 1, ETag: "etag", Size: testPart, CRC64NVME: 7}, int64(n)*testPart, gen))
	}
	return f
}

func partOffsets(f *File) []int64 {
	u, _ := f.Upload()
	var offs []int64
	for _, p := range u.Parts {
		offs = append(offs, p.Off)
	}
	return offs
}

func TestPartsAreForgottenByWrites(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	f := sentFile(t, s, 4)
	write(t, f, testPart+5, []byte("x"))
	want := []int64{0, 2 * testPart, 3 * testPart}
	if got := partOffsets(f); !cmp.Equal(got, want) {
		t.Errorf("parts at %v after a write, want %v", got, want)
	}
	must(t, f.Truncate(3*testPart+1))
	want = want[:2]
	if got := partOffsets(f); !cmp.Equal(got, want) {
		t.Errorf("parts at %v after a truncation, want %v", got, want)
	}
	crash(t, s)
	s = open(t, Options{Dir: dir})
	f = s.Recovered()[0]
	u, ok := f.Upload()
	if got := partOffsets(f); !ok || u.ID != "up\xff" || !cmp.Equal(got, want) {
		t.Errorf("upload %+v recovered, want parts at %v", u, want)
	}
}

func TestPartWrittenMeanwhileIsNotKept(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir()})
	f := sentFile(t, s, 0)
	write(t, f, 0, pattern(2*testPart, 0))
	gen := f.Generation()
	write(t, f, 10, []byte("y"))
	must(t, f.PartSent(object.Part{Number: 1, Size: testPart}, 0, gen))
	must(t, f.PartSent(object.Part{Number: 2, Size: testPart}, testPart, gen))
	must(t, f.PartSent(object.Part{Number: 3, Size: testPart}, 2*testPart, gen)) // behind the end
	if got, want := partOffsets(f), []int64{testPart}; !cmp.Equal(got, want) {
		t.Errorf("parts at %v, want %v", got, want)
	}
}

func TestPunchSent(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir, Size: 4<<20 + 8192})
	f := sentFile(t, s, 4)
	freed, err := f.PunchSent()
	if err != nil || freed != 4*testPart {
		t.Fatalf("PunchSent = %d, %v", freed, err)
	}
	want := pattern(100, 3)
	write(t, f, 4*testPart, want)
	check := func(f *File) {
		t.Helper()
		var miss *MissingError
		if _, err := f.ReadAt(make([]byte, 10), 5); !errors.As(err, &miss) || !miss.Sent {
			t.Errorf("ReadAt of a freed part: %v", err)
		}
		got := make([]byte, 100)
		if _, err := f.ReadAt(got, 4*testPart); err != nil || !bytes.Equal(got, want) {
			t.Errorf("ReadAt behind the parts: %v", err)
		}
		if _, err := f.WriteAt([]byte("x"), 5); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("WriteAt into a freed part: %v", err)
		}
		if err := f.Zero(0, 10); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("Zero in a freed part: %v", err)
		}
		if err := f.Truncate(testPart + 1); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("Truncate in a freed part: %v", err)
		}
		if err := f.ClearUpload(); !errors.Is(err, syscall.EBUSY) {
			t.Errorf("ClearUpload: %v", err)
		}
		if len(partOffsets(f)) != 4 {
			t.Errorf("parts at %v", partOffsets(f))
		}
	}
	check(f)
	must(t, f.Sync())
	crash(t, s)
	s = open(t, Options{Dir: dir, Size: 4<<20 + 8192})
	f = s.Recovered()[0]
	check(f)
	must(t, f.Stored(f.Generation(), Version{Key: "k", ETag: "e", Size: f.Size()}))
	if got, want := f.Missing(0, f.Size()), []Range{{0, 4 * testPart}}; !cmp.Equal(got, want) {
		t.Errorf("Missing = %v, want %v", got, want)
	}
}

func TestPunchSentDoesNothingWithinTheBudget(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir()})
	f := sentFile(t, s, 2)
	if freed, err := f.PunchSent(); freed != 0 || err != nil {
		t.Errorf("PunchSent = %d, %v", freed, err)
	}
	wantContent(t, f, pattern(2*testPart, 0))
}

func TestAppendOverALongerObjectMovesTheTail(t *testing.T) {
	for _, tc := range []struct {
		name string
		size int64 // of the object that the append made
	}{{"longer", 30}, {"shorter", 9}} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, Options{Dir: dir})
			f := version(t, s, Version{Key: "k", ETag: "e", Size: 10})
			must(t, f.SetTarget(Target{Key: "k", Intent: IntentAppend, AppendFrom: 10}))
			write(t, f, 10, []byte("sent"))
			gen := f.Generation()
			write(t, f, 14, []byte("more"))
			must(t, f.Stored(gen, Version{Key: "k", ETag: "f", Size: tc.size}))
			for range 2 {
				if f.Size() != tc.size+4 {
					t.Errorf("size %d, want %d", f.Size(), tc.size+4)
				}
				if got, want := f.DirtyRanges(), []Range{{tc.size, 4}}; !cmp.Equal(got, want) {
					t.Errorf("DirtyRanges = %v, want %v", got, want)
				}
				if got, want := f.Missing(0, 100), []Range{{0, tc.size}}; !cmp.Equal(got, want) {
					t.Errorf("Missing = %v, want %v", got, want)
				}
				got := make([]byte, 4)
				if _, err := f.ReadAt(got, tc.size); err != nil || string(got) != "more" {
					t.Errorf("tail is %q, %v", got, err)
				}
				if f.Target().AppendFrom != tc.size {
					t.Errorf("AppendFrom = %d", f.Target().AppendFrom)
				}
				crash(t, s)
				s = open(t, Options{Dir: dir})
				f = s.Recovered()[0]
			}
		})
	}
}
