package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestJoinOnOff(t *testing.T) {
	got := joinOnOff([]string{"sentientfs", "mount", "--posix-metadata", "off", "-preserve-owner", "bucket", "--", "--posix-metadata", "off"})
	want := []string{"sentientfs", "mount", "--posix-metadata=off", "-preserve-owner", "bucket", "--", "--posix-metadata", "off"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestHelperArguments(t *testing.T) {
	got, fake := helperArguments([]string{"bucket", "/mnt", "-n", "-s", "-t", "fuse.sentientfs", "-o", "rw,_netdev"})
	if diff := cmp.Diff([]string{"bucket", "/mnt", "-o", "rw,_netdev"}, got); diff != "" || fake {
		t.Error(diff, fake)
	}
	if _, fake := helperArguments([]string{"bucket", "/mnt", "-f"}); !fake {
		t.Error("mount -f is a fake mount")
	}
}

func TestFstabForm(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want bool
	}{
		{[]string{"bucket", "/mnt", "-o", "rw"}, true},
		{[]string{"bucket", "mnt", "-o", "rw"}, false},
		{[]string{"bucket", "/mnt"}, false},
		{[]string{"-f", "/mnt", "-o", "rw"}, false},
	} {
		if got := fstabForm(tt.args); got != tt.want {
			t.Errorf("fstabForm(%q) = %v", tt.args, got)
		}
	}
}
