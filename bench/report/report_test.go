//go:build !sandbox

package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{5, 1, 3}, 3}, {[]float64{4, 1, 3, 2}, 2.5}} {
		before := append([]float64(nil), c.values...)
		if got := Median(c.values); got != c.want {
			t.Errorf("the median of %v is %v, want %v", c.values, got, c.want)
		}
		if diff := cmp.Diff(before, c.values); diff != "" {
			t.Errorf("the values were changed: %s", diff)
		}
	}
}

// results of two rows by three targets, one of which failed once and one always.
func results() *Results {
	return &Results{
		Machine: Machine{CPU: "a <cpu>", Cores: 2, Date: "2026-01-02T03:04:05Z", Version: "v1", Sizes: 1, Counts: 1, Rounds: 3,
			Targets: []Target{{Name: "direct"}, {Name: "strict", Flags: "--x"}, {Name: "rival"}}},
		Rows: []Row{
			{ID: "read@20ms", Title: "read & more", DelayMS: 20, Reference: "direct", Goals: map[string]float64{"strict": 1.5}, Moved: 1000},
			{ID: "list@0ms", Title: "list", Reference: "direct", Goal: "words"},
		},
		Measures: []Measure{
			{Row: "read@20ms", Target: "direct", Round: 1, Seconds: 1, Requests: map[string]int{"GET": 3}, Down: 1000, Program: 1},
			{Row: "read@20ms", Target: "direct", Round: 2, Seconds: 3, Requests: map[string]int{"GET": 5}, Down: 1000, Program: 1},
			{Row: "read@20ms", Target: "direct", Round: 3, Seconds: 2, Requests: map[string]int{"GET": 4}, Down: 1000, Program: 1},
			{Row: "read@20ms", Target: "strict", Round: 1, Seconds: 4, Requests: map[string]int{"GET": 4}, Down: 2000, Resident: 5e6, CPU: 2, Program: 1},
			{Row: "read@20ms", Target: "strict", Round: 2, Error: "boom"},
			{Row: "read@20ms", Target: "rival", Round: 1, Error: "no\nway"},
			{Row: "list@0ms", Target: "direct", Round: 1, Seconds: 0.5},
			{Row: "list@0ms", Target: "rival", Round: 1, Seconds: 0.25, Early: true},
		},
	}
}

func TestTable(t *testing.T) {
	want := `| workload    | line  | direct   | strict   | goal | rival         | and   |
|-------------|-------|----------|----------|------|---------------|-------|
| read & more | 20 ms | = 2 s    | 2! (4 s) | 1.5  | failed        |       |
| list        | 0 ms  | = 500 ms | –        |      | 0.5 (250 ms)* | words |
`
	if diff := cmp.Diff(want, results().Table()); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

func TestCosts(t *testing.T) {
	got := results().Costs()
	for _, want := range []string{"| strict | GET 4", "| 2                         | 5           | 3.00  | 3  "} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	if want := "- read@20ms by rival: no way\n"; !strings.Contains(results().Failures(), want) {
		t.Errorf("failures: %q", results().Failures())
	}
}

func TestLines(t *testing.T) {
	want := results()
	var b bytes.Buffer
	w, err := NewWriter(&b, want.Machine, want.Rows)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range want.Measures {
		if err := w.Add(m); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Read(&b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
	for _, bad := range []string{"", "{}\n", "no\n"} {
		if _, err := Read(strings.NewReader(bad)); err == nil {
			t.Errorf("%q was taken for results", bad)
		}
	}
}

func TestPicture(t *testing.T) {
	text := results().Picture()
	circles := 0
	dec := xml.NewDecoder(strings.NewReader(text))
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("it is no XML: %v\n%s", err, text)
		}
		if e, ok := tok.(xml.StartElement); ok && e.Name.Local == "circle" {
			circles++
		}
	}
	// Three in the legend, and one for each ratio: the direct client's in both rows, a mount's in each.
	if circles != 7 {
		t.Errorf("%d dots, want 7", circles)
	}
	if strings.Contains(text, "%!") {
		t.Errorf("a number is missing: %s", text)
	}
	for ratio, want := range map[float64]float64{1e-9: left, 1: left + plot/2, 1e9: left + plot} {
		if got := place(ratio); got < want-0.01 || got > want+0.01 {
			t.Errorf("%v is at %v, want %v", ratio, got, want)
		}
	}
}

func TestWriteDocument(t *testing.T) {
	name := filepath.Join(t.TempDir(), "PERF.md")
	if err := os.WriteFile(name, []byte("# before\n"+begin+"\nold\n"+end+"\nafter\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var first string
	for range 2 { // again changes nothing
		if err := results().WriteDocument(name); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(text); first != "" && got != first {
			t.Errorf("written twice:\n%s", cmp.Diff(first, got))
		}
		first = string(text)
	}
	for _, want := range []string{"# before\n", "\nafter\n", results().Table(), "a <cpu>, 2 cores", "(PERF.svg)", "1 to 3 rounds"} {
		if !strings.Contains(first, want) {
			t.Errorf("%q is not in\n%s", want, first)
		}
	}
	if strings.Contains(first, "old") {
		t.Error("the old results are still there")
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(name), "PERF.svg")); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(name, []byte("no place"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := results().WriteDocument(name); err == nil {
		t.Error("results were written into a document without a place for them")
	}
}
