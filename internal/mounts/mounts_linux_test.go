package mounts

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	text := `26 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
98 26 0:45 / /mnt/with\040blank rw,nosuid,nodev,relatime shared:7 master:2 - fuse.goofys bucket:a\040b rw,user_id=0
malformed
99 26 0:46 / /x rw - tmpfs tmpfs
`
	want := []Mount{
		{Point: "/", Type: "ext4", Source: "/dev/vda", Options: "rw,relatime,rw"},
		{Point: "/mnt/with blank", Type: "fuse.goofys", Source: "bucket:a b", Options: "rw,nosuid,nodev,relatime,rw,user_id=0"},
		{Point: "/x", Type: "tmpfs", Source: "tmpfs", Options: "rw"},
	}
	if diff := cmp.Diff(want, parse([]byte(text))); diff != "" {
		t.Error(diff)
	}
	if !want[1].Ours() || want[0].Ours() {
		t.Error("Ours does not tell goofys' mounts from others")
	}
}

func TestHoldingIsTheNearest(t *testing.T) {
	m, err := Holding("/proc/self/status")
	if err != nil || m.Point != "/proc" {
		t.Errorf("Holding(/proc/self/status) = %+v, %v, want the mount on /proc", m, err)
	}
	m, err = Holding("/procedure")
	if err != nil || m.Point == "/proc" {
		t.Errorf("Holding(/procedure) = %+v, %v: a name is not below one that it starts with", m, err)
	}
}

func TestAtPlainFolder(t *testing.T) {
	if _, ok, err := At(t.TempDir()); ok || err != nil {
		t.Errorf("At(a plain folder) = %v, %v, want no mount", ok, err)
	}
}

func TestAnswers(t *testing.T) {
	if err := Answers(context.Background(), t.TempDir()); err != nil {
		t.Errorf("a plain folder does not answer: %v", err)
	}
}

func TestUnmountNothing(t *testing.T) {
	if err := Unmount(context.Background(), t.TempDir(), false); !errors.Is(err, ErrNotMounted) {
		t.Errorf("Unmount of a plain folder = %v, want ErrNotMounted", err)
	}
}
