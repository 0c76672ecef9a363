//go:build !sandbox

package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
)

// Machine is where and when something was measured.
type Machine struct {
	CPU      string   `json:"cpu"`
	Cores    int      `json:"cores"`
	MemoryMB int      `json:"memory_mb"`
	System   string   `json:"system"` // kernel and architecture
	Date     string   `json:"date"`   // RFC 3339
	Version  string   `json:"version"`
	Server   string   `json:"server"`
	Sizes    float64  `json:"sizes"` // scales of the work
	Counts   float64  `json:"counts"`
	Trees    float64  `json:"trees"` // the scale of the rows of many files
	Rounds   int      `json:"rounds"`
	Targets  []Target `json:"targets"` // in the order of the table
}

// A Target is one who does the work.
type Target struct {
	Name  string `json:"name"`
	Flags string `json:"flags,omitempty"` // or the command of a rival
}

// A Row is a line of the table.
type Row struct {
	ID        string             `json:"id"` // unique: the workload and the line that it ran over
	Title     string             `json:"title"`
	DelayMS   float64            `json:"delay_ms"`        // before the first byte of each answer
	Reference string             `json:"reference"`       // the target that ratios are to
	Goals     map[string]float64 `json:"goals,omitempty"` // the highest ratio, by target
	Goal      string             `json:"goal,omitempty"`  // in words, beyond or instead of the ratio
	Moved     int64              `json:"moved,omitempty"` // bytes that the program asks for
}

// A Measure is one run of a row by one target.
type Measure struct {
	Row      string         `json:"row"`
	Target   string         `json:"target"`
	Round    int            `json:"round"`
	Seconds  float64        `json:"seconds"`
	Requests map[string]int `json:"requests,omitempty"` // by kind
	Up       int64          `json:"up"`                 // bytes of bodies to the server
	Down     int64          `json:"down"`
	Most     int            `json:"most"`            // requests at one time
	Conns    int            `json:"conns"`           // connections that carried a request
	Resident int64          `json:"resident"`        // the daemon's peak in bytes, 0 where there is none
	CPU      float64        `json:"cpu"`             // seconds of the daemon
	Program  float64        `json:"program"`         // CPU seconds of the program that did the work
	Early    bool           `json:"early,omitempty"` // it returned before everything was in S3
	Error    string         `json:"error,omitempty"`
}

// Results are one run.
type Results struct {
	Machine  Machine
	Rows     []Row
	Measures []Measure
}

// line is one JSON line; one of its fields is set.
type line struct {
	Machine *Machine `json:"machine,omitempty"`
	Row     *Row     `json:"row,omitempty"`
	Measure *Measure `json:"measure,omitempty"`
}

// A Writer writes JSON lines as things are measured, so that a run that is cut short leaves what it has.
type Writer struct{ enc *json.Encoder }

// NewWriter begins with the machine and the rows.
func NewWriter(w io.Writer, m Machine, rows []Row) (*Writer, error) {
	out := &Writer{json.NewEncoder(w)}
	if err := out.enc.Encode(line{Machine: &m}); err != nil {
		return nil, err
	}
	for _, r := range rows {
		if err := out.enc.Encode(line{Row: &r}); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Add writes one measure.
func (w *Writer) Add(m Measure) error { return w.enc.Encode(line{Measure: &m}) }

// Read reads JSON lines.
func Read(r io.Reader) (*Results, error) {
	res := &Results{}
	dec := json.NewDecoder(bufio.NewReader(r))
	for n := 1; ; n++ {
		var l line
		if err := dec.Decode(&l); err == io.EOF {
			break
		} else if err != nil {
			return nil, fmt.Errorf("line %d is no result: %w", n, err)
		}
		switch {
		case l.Machine != nil:
			res.Machine = *l.Machine
		case l.Row != nil:
			res.Rows = append(res.Rows, *l.Row)
		case l.Measure != nil:
			res.Measures = append(res.Measures, *l.Measure)
		}
	}
	if res.Machine.Date == "" {
		return nil, fmt.Errorf("there is no line about the machine")
	}
	return res, nil
}

// Median of values, which are not changed; of an even number the mean of the two in the middle; 0 of none.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	v := slices.Sorted(slices.Values(values))
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}

// A Cell is what one target needed for one row: medians over the rounds that worked.
type Cell struct {
	Rounds   int
	Seconds  float64
	Requests map[string]int
	Up, Down int64
	Resident int64   // the most of all rounds
	CPU      float64 // of the daemon and of the program
	Early    bool
	Error    string // why no round worked
}

// Cell sums up.
func (r *Results) Cell(row, target string) Cell {
	var c Cell
	var seconds, cpu, up, down []float64
	kinds := map[string][]float64{}
	var worked []Measure
	for _, m := range r.Measures {
		switch {
		case m.Row != row || m.Target != target:
		case m.Error != "":
			c.Error = m.Error
		default:
			worked = append(worked, m)
			for k := range m.Requests {
				kinds[k] = nil
			}
		}
	}
	for _, m := range worked {
		seconds, cpu = append(seconds, m.Seconds), append(cpu, m.CPU+m.Program)
		up, down = append(up, float64(m.Up)), append(down, float64(m.Down))
		c.Resident, c.Early = max(c.Resident, m.Resident), c.Early || m.Early
		for k := range kinds {
			kinds[k] = append(kinds[k], float64(m.Requests[k]))
		}
	}
	if c.Rounds = len(worked); c.Rounds > 0 {
		c.Error = ""
	}
	c.Seconds, c.CPU, c.Up, c.Down = Median(seconds), Median(cpu), int64(Median(up)), int64(Median(down))
	c.Requests = map[string]int{}
	for k, v := range kinds {
		if n := int(Median(v)); n > 0 {
			c.Requests[k] = n
		}
	}
	return c
}

// Ratio is the time of a target as a multiple of the row's reference, 0 where one of them is missing.
func (r *Results) Ratio(row Row, target string) float64 {
	ref, c := r.Cell(row.ID, row.Reference), r.Cell(row.ID, target)
	if ref.Rounds == 0 || c.Rounds == 0 || ref.Seconds == 0 {
		return 0
	}
	return c.Seconds / ref.Seconds
}
