package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/sentient-agi/sentientfs/internal/config"
)

func document(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func dashedName(s config.Setting) string {
	if len(s.Name) == 1 {
		return "-" + s.Name
	}
	return "--" + s.Name
}

// flagTable is the table of docs/CONFIGURATION.md, which must be this.
func flagTable() string {
	var b strings.Builder
	b.WriteString("| flag | default | variables | what |\n|---|---|---|---|\n")
	for _, s := range config.Settings() {
		flag := dashedName(s)
		for _, alias := range s.Aliases {
			flag += ", --" + alias
		}
		var vars []string
		for _, v := range s.Variables() {
			vars = append(vars, "`"+v+"`")
		}
		value := ""
		if s.Value != "" {
			value = " " + strings.ReplaceAll(s.Value, "|", "\\|")
		}
		fmt.Fprintf(&b, "| `%s`%s | %s | %s | %s |\n", flag, value, s.Default, strings.Join(vars, " "), s.Usage)
	}
	return b.String()
}

func exitTable() string {
	var b strings.Builder
	b.WriteString("| code | meaning |\n|---|---|\n")
	for _, e := range exitCodes {
		fmt.Fprintf(&b, "| %d | %s |\n", e.code, e.meaning)
	}
	return b.String()
}

func TestConfigurationDocument(t *testing.T) {
	text := document(t, "CONFIGURATION.md")
	if table := flagTable(); !strings.Contains(text, table) {
		t.Errorf("docs/CONFIGURATION.md does not have this table:\n%s", table)
	}
	if table := exitTable(); !strings.Contains(text, table) {
		t.Errorf("docs/CONFIGURATION.md does not have this table:\n%s", table)
	}
}

// Each flag that goofys has has a row, and no other flag claims to be goofys'.
func TestGoofysDocument(t *testing.T) {
	text := document(t, "GOOFYS.md")
	rows := make(map[string]bool)
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "| `"); ok {
			name, _, _ := strings.Cut(rest, "`")
			rows[name] = true
		}
	}
	want := map[string]bool{"-h": true, "-v": true}
	for _, s := range config.Settings() {
		if s.Goofys {
			want[dashedName(s)] = true
		}
	}
	for name := range want {
		if !rows[name] {
			t.Errorf("docs/GOOFYS.md has no row for %s", name)
		}
	}
	for name := range rows {
		if !want[name] {
			t.Errorf("docs/GOOFYS.md has a row for %s, which is not goofys'", name)
		}
	}
}
