package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Durations is a duration that may differ by path: the value of a flag that was given as VALUE or PATTERN=VALUE.
type Durations struct {
	Default time.Duration
	Rules   []Rule // the last one that matches counts
}

// Rule is one PATTERN=VALUE.
type Rule struct {
	Glob  Glob
	Value time.Duration
}

// For returns the duration of a path relative to the root of the mount.
func (d Durations) For(path string) time.Duration {
	for i := len(d.Rules) - 1; i >= 0; i-- {
		if d.Rules[i].Glob.Match(path) {
			return d.Rules[i].Value
		}
	}
	return d.Default
}

// parseDurations reads VALUE and PATTERN=VALUE items over a default.
func parseDurations(items []string, def time.Duration) (Durations, error) {
	d := Durations{Default: def}
	for _, item := range items {
		at := strings.LastIndexByte(item, '=')
		v, err := parseDuration(item[at+1:])
		if err != nil {
			return d, err
		}
		if at < 0 {
			d.Default = v
			continue
		}
		g, err := ParseGlob(item[:at])
		if err != nil {
			return d, err
		}
		d.Rules = append(d.Rules, Rule{Glob: g, Value: v})
	}
	return d, nil
}

func parseDuration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(strings.TrimSpace(s))
	if err != nil {
		return 0, fmt.Errorf("%q is no duration", s)
	}
	if d < 0 {
		return 0, fmt.Errorf("%q is below zero", s)
	}
	return d, nil
}

var sizeUnits = map[string]float64{
	"": 1, "B": 1,
	"K": 1 << 10, "KIB": 1 << 10, "M": 1 << 20, "MIB": 1 << 20, "G": 1 << 30, "GIB": 1 << 30, "T": 1 << 40, "TIB": 1 << 40,
	"KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
}

// parseSize reads a number of bytes: 10GiB, 10G (the same), 10GB (powers of ten), 1048576.
func parseSize(s string) (int64, error) {
	t := strings.TrimSpace(s)
	digits := strings.TrimLeft(t, "0123456789.")
	n, err := strconv.ParseFloat(t[:len(t)-len(digits)], 64)
	unit, ok := sizeUnits[strings.ToUpper(strings.TrimSpace(digits))]
	if err != nil || !ok || n*unit > math.MaxInt64/2 {
		return 0, fmt.Errorf("%q is no size", s)
	}
	return int64(n * unit), nil
}

// FormatSize writes a number of bytes as parseSize reads it, with the largest unit that keeps it exact.
func FormatSize(n int64) string {
	units := []struct {
		name string
		size int64
	}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}
	for _, u := range units {
		if n >= u.size && n%u.size == 0 {
			return fmt.Sprintf("%d%s", n/u.size, u.name)
		}
	}
	return strconv.FormatInt(n, 10)
}

// parseBool reads what a person or a program may write for yes and no.
func parseBool(s string) (bool, error) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "1", "t", "true", "on", "yes":
		return true, nil
	case "0", "f", "false", "off", "no":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither on nor off", s)
}

// parseMode reads permission bits in goofys' dialect, an integer of base 0: 0755, 0o755 and 0x1ed are the same and
// 755 is decimal, which is hardly what its writer meant: decimal tells so.
func parseMode(s string) (mode uint32, decimal bool, err error) {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 0, 32)
	if err != nil {
		return 0, false, fmt.Errorf("%q is no file mode", s)
	}
	if n > 0o7777 {
		return 0, false, fmt.Errorf("%q is %#o, which has more than permission bits", s, n)
	}
	t := strings.TrimSpace(s)
	return uint32(n), len(t) > 1 && t[0] != '0', nil
}

// parseID reads a user or group number, base 0 as in goofys; -1 means whoever mounts, its default there.
func parseID(s string) (id uint32, given bool, err error) {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 0, 64)
	if err != nil || n < -1 || n > math.MaxUint32-1 {
		return 0, false, fmt.Errorf("%q is no number of a user or group", s)
	}
	return uint32(n), n >= 0, nil
}
