//go:build !sandbox

package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Table is the main table in Markdown, its columns aligned so that it can be read as it is.
func (r *Results) Table() string {
	head := []string{"workload", "line"}
	for _, t := range r.Machine.Targets {
		head = append(head, t.Name)
		if r.hasGoals(t.Name) {
			head = append(head, "goal")
		}
	}
	head = append(head, "and")
	rows := [][]string{head}
	for _, row := range r.Rows {
		cells := []string{row.Title, fmt.Sprintf("%g ms", row.DelayMS)}
		for _, t := range r.Machine.Targets {
			cells = append(cells, r.cell(row, t.Name))
			if r.hasGoals(t.Name) {
				cells = append(cells, goal(row.Goals[t.Name]))
			}
		}
		cells = append(cells, row.Goal)
		rows = append(rows, cells)
	}
	return align(rows)
}

// Legend explains the table.
const Legend = "Each cell: the time as a multiple of the reference's, and the seconds. The reference, marked =, is the direct client\n" +
	"or the local disk. `!` is above the goal, `*` returned before everything was in S3, `–` was not measured.\n"

func (r *Results) hasGoals(target string) bool {
	return slices.ContainsFunc(r.Rows, func(row Row) bool { return row.Goals[target] > 0 })
}

func goal(g float64) string {
	if g == 0 {
		return ""
	}
	return fmt.Sprintf("%.3g", g)
}

func (r *Results) cell(row Row, target string) string {
	c := r.Cell(row.ID, target)
	switch {
	case c.Error != "":
		return "failed"
	case c.Rounds == 0:
		return "–"
	case target == row.Reference:
		return "= " + seconds(c.Seconds)
	}
	text := seconds(c.Seconds)
	if ratio := r.Ratio(row, target); ratio > 0 {
		mark := ""
		if g := row.Goals[target]; g > 0 && ratio > g {
			mark = "!"
		}
		text = fmt.Sprintf("%.3g%s (%s)", ratio, mark, text)
	}
	if c.Early {
		text += "*"
	}
	return text
}

func seconds(s float64) string {
	if s < 1 {
		return fmt.Sprintf("%.0f ms", s*1000)
	}
	return fmt.Sprintf("%.3g s", s)
}

// Costs is the table of what each needed: requests, bytes, memory, CPU.
func (r *Results) Costs() string {
	rows := [][]string{{"workload", "line", "who", "requests", "MB received", "MB sent", "times the bytes asked for", "resident MB", "CPU s", "CPU ratio"}}
	for _, row := range r.Rows {
		for _, t := range r.Machine.Targets {
			c := r.Cell(row.ID, t.Name)
			if c.Rounds == 0 {
				continue
			}
			rows = append(rows, []string{row.Title, fmt.Sprintf("%g ms", row.DelayMS), t.Name, kinds(c.Requests), mb(c.Down), mb(c.Up),
				r.asked(row, c), mb(c.Resident), fmt.Sprintf("%.2f", c.CPU), r.cpu(row, t.Name, c)})
		}
	}
	return align(rows)
}

func (r *Results) asked(row Row, c Cell) string {
	moved := max(c.Down, c.Up)
	if row.Moved == 0 || moved == 0 {
		return ""
	}
	return fmt.Sprintf("%.3g", float64(moved)/float64(row.Moved))
}

// cpu is the ratio per byte moved to the row's reference.
func (r *Results) cpu(row Row, target string, c Cell) string {
	ref := r.Cell(row.ID, row.Reference)
	if target == row.Reference || ref.CPU == 0 {
		return ""
	}
	return fmt.Sprintf("%.3g", c.CPU/ref.CPU)
}

func mb(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%.3g", float64(n)/1e6)
}

func kinds(m map[string]int) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, fmt.Sprintf("%s %d", k, m[k]))
	}
	return strings.Join(out, ", ")
}

// Failures lists what did not work, each once.
func (r *Results) Failures() string {
	var b strings.Builder
	seen := map[string]bool{}
	for _, m := range r.Measures {
		if id := m.Row + " " + m.Target; m.Error != "" && !seen[id] {
			seen[id] = true
			fmt.Fprintf(&b, "- %s by %s: %s\n", m.Row, m.Target, strings.ReplaceAll(m.Error, "\n", " "))
		}
	}
	return b.String()
}

func align(rows [][]string) string {
	width := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, c := range row {
			width[i] = max(width[i], utf8.RuneCountInString(c))
		}
	}
	var b strings.Builder
	for n, row := range rows {
		for i, c := range row {
			b.WriteString("| " + c + strings.Repeat(" ", width[i]-utf8.RuneCountInString(c)) + " ")
		}
		b.WriteString("|\n")
		if n == 0 {
			for _, w := range width {
				b.WriteString("|" + strings.Repeat("-", w+2))
			}
			b.WriteString("|\n")
		}
	}
	return b.String()
}
