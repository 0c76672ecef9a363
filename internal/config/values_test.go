package config

import (
	"testing"
	"time"
)

func TestGlob(t *testing.T) {
	tests := []struct {
		pattern, path string
		want          bool
	}{
		{"**/site-packages/**", "venv/lib/site-packages/x/y.py", true},
		{"**/site-packages/**", "site-packages/x", true},
		{"**/site-packages/**", "site-packages", true},
		{"**/site-packages/**", "venv/site-packages-x/y", false},
		{"*.py", "a/b/c.py", true},
		{"*.py", "c.py", true},
		{"/*.py", "a/c.py", false},
		{"/*.py", "c.py", true},
		{"a/*", "a/b", true},
		{"a/*", "a/b/c", false},
		{"a/**/z", "a/z", true},
		{"a/**/z", "a/b/c/z", true},
		{"a/**/b/**/z", "a/b/b/c/z", true},
		{"a/**/b/**/z", "a/c/z", false},
		{"**", "", true},
		{"**", "a/b", true},
		{"a", "", false},
		{"[ab]/?", "b/x", true},
	}
	for _, tt := range tests {
		g, err := ParseGlob(tt.pattern)
		if err != nil {
			t.Fatalf("ParseGlob(%q): %v", tt.pattern, err)
		}
		if got := g.Match(tt.path); got != tt.want {
			t.Errorf("%q matches %q: %v, want %v", tt.pattern, tt.path, got, tt.want)
		}
	}
	for _, bad := range []string{"", "/", "a/[", "[z-a"} {
		if _, err := ParseGlob(bad); err == nil {
			t.Errorf("ParseGlob(%q) succeeded", bad)
		}
	}
}

func TestDurationsTheLastRuleCounts(t *testing.T) {
	d, err := parseDurations([]string{"**/lib/**=60s", "2s", "*.log=0", "x=y=5s"}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]time.Duration{"a": 2 * time.Second, "v/lib/x": time.Minute, "v/lib/x.log": 0,
		"": 2 * time.Second, "d/x=y": 5 * time.Second} {
		if got := d.For(path); got != want {
			t.Errorf("For(%q) = %v, want %v", path, got, want)
		}
	}
	for _, bad := range []string{"", "1", "x=", "=1s", "[=1s", "-1s", "1h=x"} {
		if _, err := parseDurations([]string{bad}, 0); err == nil {
			t.Errorf("parseDurations(%q) succeeded", bad)
		}
	}
}

func TestParseSize(t *testing.T) {
	for s, want := range map[string]int64{"10GiB": 10 << 30, "10G": 10 << 30, "10g": 10 << 30, "1GB": 1e9, "512 MiB": 512 << 20,
		"1.5K": 1536, "7": 7, "0": 0, "1TiB": 1 << 40, "3B": 3} {
		if got, err := parseSize(s); err != nil || got != want {
			t.Errorf("parseSize(%q) = %d, %v, want %d", s, got, err, want)
		}
	}
	for _, bad := range []string{"", "x", "1X", "-1", "1e3", "..", "99999999TiB", "G"} {
		if got, err := parseSize(bad); err == nil {
			t.Errorf("parseSize(%q) = %d", bad, got)
		}
	}
	for _, n := range []int64{0, 1, 1024, 1 << 20, 10 << 30, 3 << 40, 1500} {
		if got, err := parseSize(FormatSize(n)); err != nil || got != n {
			t.Errorf("FormatSize(%d) = %q reads as %d, %v", n, FormatSize(n), got, err)
		}
	}
}

func TestParseMode(t *testing.T) {
	tests := []struct {
		text    string
		mode    uint32
		decimal bool
	}{{"0755", 0o755, false}, {"0o755", 0o755, false}, {"0x1ed", 0o755, false}, {"755", 0o1363, true}, {"493", 0o755, true},
		{"0", 0, false}, {"0777", 0o777, false}}
	for _, tt := range tests {
		mode, decimal, err := parseMode(tt.text)
		if err != nil || mode != tt.mode || decimal != tt.decimal {
			t.Errorf("parseMode(%q) = %#o, %v, %v, want %#o, %v", tt.text, mode, decimal, err, tt.mode, tt.decimal)
		}
	}
	for _, bad := range []string{"", "rwx", "0888", "0100644", "-1", "7777"} {
		if mode, _, err := parseMode(bad); err == nil {
			t.Errorf("parseMode(%q) = %#o", bad, mode)
		}
	}
}

func TestParseTarget(t *testing.T) {
	for s, want := range map[string][2]string{
		"bucket":                    {"bucket", ""},
		"bucket:a/b":                {"bucket", "a/b"},
		"bucket:/a/b/":              {"bucket", "a/b"},
		"bucket:":                   {"bucket", ""},
		"bucket:a:b":                {"bucket", "a:b"},
		"goofys#bucket":             {"bucket", ""},
		"s3://bucket":               {"bucket", ""},
		"s3://bucket/a/b/":          {"bucket", "a/b"},
		"my.bucket_1":               {"my.bucket_1", ""},
		"arn:aws:s3:eu-1:12:ap/x":   {"arn:aws:s3:eu-1:12:ap/x", ""},
		"arn:aws:s3:eu-1:12:ap/x:p": {"arn:aws:s3:eu-1:12:ap/x", "p"},
	} {
		bucket, prefix, err := ParseTarget(s)
		if err != nil || bucket != want[0] || prefix != want[1] {
			t.Errorf("ParseTarget(%q) = %q, %q, %v, want %q", s, bucket, prefix, err, want)
		}
	}
	for _, bad := range []string{"", ":", "b", "a b c", "gs://bucket", "bucket:a//b", "bucket:..", "bucket:a/./b", "-bucket", "arn:x"} {
		if b, p, err := ParseTarget(bad); err == nil {
			t.Errorf("ParseTarget(%q) = %q, %q", bad, b, p)
		}
	}
}
