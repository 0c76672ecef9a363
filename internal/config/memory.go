package config

import (
	"bufio"
	"bytes"
	"os"
	"path"
	"strconv"
	"strings"
)

const (
	leastMemory   = 64 << 20  // bytes; a window and a part in flight each way
	mostMemory    = 512 << 20 // bytes; more buys no speed at 8 MiB parts
	unknownMemory = 1 << 30   // bytes; taken where the system does not tell
)

// DefaultMemory is the --memory-limit of a machine with so many bytes: a tenth, within 64 MiB and 512 MiB.
func DefaultMemory(machine int64) int64 {
	return min(max(machine/10, leastMemory), mostMemory) &^ (1<<20 - 1)
}

// MachineMemory is what this process may use at most, in bytes: the smaller of the machine's memory and the limits of
// its cgroup and the ones above it, of version 1 and 2.
func MachineMemory() int64 {
	total := memTotal("/proc/meminfo")
	if total == 0 {
		total = unknownMemory
	}
	if limit := cgroupLimit("/proc/self/cgroup", "/sys/fs/cgroup"); limit > 0 && limit < total {
		total = limit
	}
	return total
}

func memTotal(file string) int64 {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		var fields = strings.Fields(line)
		if len(fields) >= 2 && fields[0] == "MemTotal:" {
			n, err := strconv.ParseInt(fields[1], 10, 64)
			if err == nil {
				return n << 10
			}
		}
	}
	return 0
}

// cgroupLimit is the smallest limit of the process's memory cgroup and its parents, 0 for none. Inside a container
// the path in file often does not exist below root, whose own limit counts then.
func cgroupLimit(file, root string) int64 {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	limit := int64(0)
	take := func(file string) {
		b, err := os.ReadFile(file)
		if err != nil {
			return
		}
		// Version 1 has a number near the largest one for "no limit", version 2 the word max.
		n, err := strconv.ParseInt(string(bytes.TrimSpace(b)), 10, 64)
		if err == nil && n > 0 && n < 1<<60 && (limit == 0 || n < limit) {
			limit = n
		}
	}
	for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
		parts := strings.SplitN(s.Text(), ":", 3)
		if len(parts) != 3 {
			continue
		}
		base, name := root, "memory.max"
		if parts[1] != "" {
			if !strings.Contains(","+parts[1]+",", ",memory,") {
				continue
			}
			base, name = path.Join(root, "memory"), "memory.limit_in_bytes"
		}
		for dir := path.Clean("/" + parts[2]); ; dir = path.Dir(dir) {
			take(path.Join(base, dir, name))
			if dir == "/" {
				break
			}
		}
	}
	return limit
}
