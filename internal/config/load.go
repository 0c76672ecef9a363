package config

import (
	"fmt"
	"strings"
)

// Flag is one flag as it was given, in the order of the command line.
type Flag struct{ Name, Value string }

// Input is where settings come from. Nothing else is read.
type Input struct {
	Flags   []Flag
	Args    []string // [BUCKET[:PREFIX] [MOUNTPOINT]]
	Environ []string
	Dir     string // where .env and .env.<ENV> are looked for; "" for nowhere
	System  string // the machine's file, usually SystemFile; "" for none
	Home    string
	UID     uint32
	GID     uint32
}

// SystemFile is the machine's file of settings, read last.
const SystemFile = "/etc/sentientfs/sentientfs.env"

// Load reads and checks everything. What is wrong is in Config.Problems, all of it; the Config is usable only if
// Fatal returns nothing.
func Load(in Input) *Config {
	c := &Config{home: in.Home}
	flags := c.collectFlags(in.Flags)
	layers := c.layers(in, flags)
	r := resolver{Config: c, in: in, flags: flags, layers: layers}
	r.target()
	c.credentials(layers, flags)
	r.bucket()
	r.mount()
	r.fresh()
	r.disk()
	r.log()
	c.passOn(layers)
	c.noteForeign(layers)
	return c
}

// flagValues holds what was given for each flag, under its first name.
type flagValues map[string][]string

func (f flagValues) last(name string) (string, bool) {
	v := f[name]
	if len(v) == 0 {
		return "", false
	}
	return v[len(v)-1], true
}

// collectFlags sorts the flags by name. Items of -o that begin with a dash are flags themselves, since a line of
// fstab has no other place for them.
func (c *Config) collectFlags(given []Flag) flagValues {
	flags := make(flagValues)
	for _, f := range given {
		s, ok := lookup(f.Name)
		if !ok {
			c.unknownFlag(f.Name)
			continue
		}
		if s.Kind != Options {
			flags[s.Name] = append(flags[s.Name], f.Value)
			continue
		}
		for _, item := range SplitOptions(f.Value) {
			if !strings.HasPrefix(item, "-") {
				flags[s.Name] = append(flags[s.Name], item)
				continue
			}
			if name, value, ok := c.optionFlag(item); ok {
				flags[name] = append(flags[name], value)
			}
		}
	}
	return flags
}

// optionFlag reads an item of -o that is a flag.
func (c *Config) optionFlag(item string) (name, value string, ok bool) {
	name, value, hasValue := strings.Cut(strings.TrimLeft(item, "-"), "=")
	s, known := lookup(name)
	switch {
	case !known || s.Kind == Options:
		c.unknownFlag(name)
		return "", "", false
	case !hasValue && s.TakesValue():
		c.problem(Problem{What: fmt.Sprintf("cannot use %s in -o: it needs a value", item),
			Hint: fmt.Sprintf("write --%s=%s", s.Name, s.Value)})
		return "", "", false
	case !hasValue:
		value = "true"
	}
	return s.Name, value, true
}

func (c *Config) unknownFlag(name string) {
	hint := "see sentientfs mount --help for all flags"
	if near := Suggest(name); near != "" {
		hint = "did you mean --" + near + "?"
	}
	c.problem(Problem{What: "there is no flag --" + name, Hint: hint})
}

// Suggest returns the flag that is most like a mistyped one, or "".
func Suggest(name string) string {
	best, bestAt := "", 3
	for _, s := range settings {
		if d := distance(name, s.Name); d < bestAt && d < len(s.Name) {
			best, bestAt = s.Name, d
		}
	}
	return best
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			diagonal, row[j] = row[j], min(row[j]+1, row[j-1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
