//go:build !sandbox

package report

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Where the results are in a document.
const (
	begin = "<!-- results: written by sentientfs bench --write-doc -->"
	end   = "<!-- end of results -->"
)

// Section is the results section: the machine, the tables and the picture, whose file name is given.
func (r *Results) Section(picture string) string {
	m := r.Machine
	var b strings.Builder
	fmt.Fprintf(&b, "Measured on %s, sentientfs %s.\n\n", m.Date, m.Version)
	fmt.Fprintf(&b, "- machine: %s, %d cores, %d MB of memory, %s\n", m.CPU, m.Cores, m.MemoryMB, m.System)
	fmt.Fprintf(&b, "- server: %s\n- scale: sizes %g, counts %g, trees %g; %s\n", m.Server, m.Sizes, m.Counts, m.Trees, r.rounds())
	for _, t := range m.Targets {
		if t.Flags != "" {
			fmt.Fprintf(&b, "- %s: `%s`\n", t.Name, t.Flags)
		}
	}
	fmt.Fprintf(&b, "\n%s\n%s\n", r.Table(), Legend)
	if f := r.Failures(); f != "" {
		fmt.Fprintf(&b, "What failed:\n\n%s\n", f)
	}
	fmt.Fprintf(&b, "![ratios](%s)\n\n### What it took\n\n%s", picture, r.Costs())
	return b.String()
}

// rounds tells of how many rounds the medians are.
func (r *Results) rounds() string {
	least, most := 0, 0
	for _, row := range r.Rows {
		for _, t := range r.Machine.Targets {
			if n := r.Cell(row.ID, t.Name).Rounds; n > 0 {
				most = max(most, n)
				if least == 0 || n < least {
					least = n
				}
			}
		}
	}
	if least == most {
		return fmt.Sprintf("medians of %d rounds", most)
	}
	return fmt.Sprintf("medians of %d to %d rounds, as the time allowed (trees, names and other programs: 1)", least, most)
}

// WriteDocument replaces the results in a document, and the picture of the same name beside it.
func (r *Results) WriteDocument(name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	picture := strings.TrimSuffix(filepath.Base(name), filepath.Ext(name)) + ".svg"
	out, err := replace(string(text), r.Section(picture))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(name), picture), []byte(r.Picture()), 0o644); err != nil {
		return err
	}
	return os.WriteFile(name, []byte(out), 0o644)
}

func replace(text, section string) (string, error) {
	before, rest, ok := strings.Cut(text, begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return "", fmt.Errorf("there are no lines %q and %q", begin, end)
	}
	return before + begin + "\n\n" + strings.TrimRight(section, "\n") + "\n\n" + end + after, nil
}
