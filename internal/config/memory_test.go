package config

import (
	"os"
	"path/filepath"
	"testing"
)

func TestCgroupLimit(t *testing.T) {
	tests := []struct {
		name, cgroup string
		files        map[string]string
		want         int64
	}{
		{"version 2", "0::/a/b\n", map[string]string{"a/b/memory.max": "max\n", "a/memory.max": "1000\n"}, 1000},
		{"version 2 in a container", "0::/../x\n", map[string]string{"memory.max": "77\n"}, 77},
		{"version 1", "5:cpu,memory:/a\n1:name=systemd:/\n", map[string]string{"memory/a/memory.limit_in_bytes": "300\n",
			"memory/memory.limit_in_bytes": "9223372036854771712\n"}, 300},
		{"none", "0::/\n", nil, 0},
		{"malformed", "x\n0::/\n", map[string]string{"memory.max": "x"}, 0},
	}
	for _, tt := range tests {
		root := t.TempDir()
		file := filepath.Join(root, "self")
		if err := os.WriteFile(file, []byte(tt.cgroup), 0o600); err != nil {
			t.Fatal(err)
		}
		for name, text := range tt.files {
			path := filepath.Join(root, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := cgroupLimit(file, root); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestDefaultMemory(t *testing.T) {
	for machine, want := range map[int64]int64{256 << 20: 64 << 20, 1 << 30: 102 << 20, 64 << 30: 512 << 20} {
		if got := DefaultMemory(machine); got != want {
			t.Errorf("DefaultMemory(%d) = %d, want %d", machine, got, want)
		}
	}
}
