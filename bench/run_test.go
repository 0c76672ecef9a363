//go:build linux && !sandbox

package bench_test

import (
	"bytes"
	"context"
	"io"
	"maps"
	"regexp"
	"testing"
	"time"

	"github.com/sentient-agi/sentientfs/bench"
	"github.com/sentient-agi/sentientfs/bench/report"
	"github.com/sentient-agi/sentientfs/bench/work"
	"github.com/sentient-agi/sentientfs/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// TestRun is a whole run of some rows in miniature, with mounts: everything is measured once by everybody, and the
// requests that a row cannot do without are counted. Times are not looked at.
func TestRun(t *testing.T) {
	if harness.Plain() || testing.Short() {
		t.Skip("mounts")
	}
	harness.NeedFUSE(t)
	var lines bytes.Buffer
	flushed := 0
	o := bench.Options{Bin: harness.Binary(t), Dir: t.TempDir(), Version: "test", Region: "us-east-1", Bucket: "bench",
		KeyID: "sentientfs-bench", Secret: "sentientfs-bench", Scale: work.Scale{Sizes: 0.001, Counts: 0.001, Trees: 0.001}, Rounds: 1, RivalRounds: 1,
		Only: regexp.MustCompile("^(read|create|long-known|unlink|names-again)$"), Relaxed: []string{"--open-ttl", "1s"},
		Rivals:   []bench.Rival{{Name: "broken", Command: "false {bucket} {endpoint} {dir} {cache}"}},
		Patience: 5 * time.Minute, Flush: func(context.Context, string) error { flushed++; return nil }, Out: &lines, Log: io.Discard}
	if err := bench.Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	res, err := report.Read(&lines)
	if err != nil {
		t.Fatal(err)
	}
	least := map[string]map[string]int{
		"read@0ms":        {"GET": 1},
		"create@0ms":      {"PUT": 4},
		"long-known@0ms":  {"LIST": 1},
		"unlink@0ms":      {"DELETE": 4},
		"names-again@0ms": {},
	}
	if len(res.Rows) != len(least) {
		t.Errorf("%d rows, want %d", len(res.Rows), len(least))
	}
	for row, kinds := range least {
		for _, target := range []string{bench.Direct, bench.Strict, bench.Relaxed} {
			c := res.Cell(row, target)
			if target == bench.Relaxed && row == "names-again@0ms" {
				continue // no flag of the relaxed mount is about it
			}
			if c.Rounds != 1 || c.Seconds <= 0 || c.Early {
				t.Errorf("%s by %s: %+v", row, target, c)
			}
			for kind := range maps.Keys(kinds) {
				if c.Requests[kind] < kinds[kind] {
					t.Errorf("%s by %s: requests %v, at least %d %s are needed", row, target, c.Requests, kinds[kind], kind)
				}
			}
			if target != bench.Direct && c.Resident == 0 {
				t.Errorf("%s by %s: its memory was not measured", row, target)
			}
		}
		if c := res.Cell(row, "broken"); row != "names-again@0ms" && c.Error == "" {
			t.Errorf("%s by a mount that does not come: %+v", row, c)
		}
	}
	if want := len(least) - 1; flushed != want {
		t.Errorf("the relaxed mount was flushed %d times, want %d", flushed, want)
	}
}

func TestParseRival(t *testing.T) {
	got, err := bench.ParseRival("a=b c=d")
	if err != nil || got != (bench.Rival{Name: "a", Command: "b c=d"}) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{"", "a", "=b", "a="} {
		if _, err := bench.ParseRival(bad); err == nil {
			t.Errorf("%q was taken for a rival", bad)
		}
	}
}
