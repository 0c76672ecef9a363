package config

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// A resolver turns text into the typed values of its Config, one setting at a time.
type resolver struct {
	*Config
	in     Input
	flags  flagValues
	layers []layer
}

// raw returns what is set for s, the first place that has it wins, and notes it for Show. Several items are possible
// only for a setting that may be repeated.
func (r *resolver) raw(s Setting) (items []string, from Source, given bool) {
	if v := r.flags[s.Name]; len(v) > 0 {
		items, from, given = v, Source{Kind: SourceFlag, Name: dashed(s.Name)}, true
		if !s.Repeatable() {
			items = v[len(v)-1:]
		}
	} else {
		items, from, given = r.variable(s)
	}
	if !given {
		from = Source{Kind: SourceDefault}
		if s.Default != "" {
			items = []string{s.Default}
		}
	}
	shown := strings.Join(items, ",")
	if s.Secret && shown != "" {
		shown = "****"
	}
	r.set(s.Name, shown, from)
	return items, from, given
}

func (r *resolver) variable(s Setting) ([]string, Source, bool) {
	for _, l := range r.layers {
		for _, name := range s.Variables() {
			v, from, ok := l.get(name)
			if ok && s.Repeatable() {
				return SplitOptions(v), from, true
			}
			if ok {
				return []string{v}, from, true
			}
		}
	}
	return nil, Source{}, false
}

func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

func (r *resolver) setting(name string) Setting {
	s, ok := lookup(name)
	if !ok {
		panic("config: no setting " + name)
	}
	return s
}

// wrong tells of a value that cannot be read.
func (r *resolver) wrong(s Setting, from Source, err error, hint string) {
	what := from.String()
	if from.Kind == SourceDefault {
		what = dashed(s.Name)
	}
	r.problem(Problem{What: fmt.Sprintf("cannot use the value of %s: %s", what, err), Hint: hint})
}

func (r *resolver) text(name string) string {
	items, _, _ := r.raw(r.setting(name))
	if len(items) == 0 {
		return ""
	}
	return items[0]
}

func (r *resolver) path(name string) string {
	items, from, _ := r.raw(r.setting(name))
	if len(items) == 0 {
		return ""
	}
	return r.expand(items[0], r.in.Home, from)
}

func (r *resolver) boolean(name string) bool {
	s := r.setting(name)
	items, from, _ := r.raw(s)
	if len(items) == 0 {
		return false
	}
	v, err := parseBool(items[0])
	if err != nil {
		r.wrong(s, from, err, "write on or off")
	}
	return v
}

func (r *resolver) duration(name string) time.Duration {
	s := r.setting(name)
	items, from, _ := r.raw(s)
	d, err := parseDuration(items[0])
	if err != nil {
		r.wrong(s, from, err, durationHint(items[0], ""))
	}
	return d
}

func (r *resolver) durations(name string) Durations {
	s := r.setting(name)
	items, from, _ := r.raw(s)
	def, err := parseDuration(s.Default)
	if err != nil {
		panic("config: default of " + name)
	}
	d, err := parseDurations(items, def)
	if err != nil {
		r.wrong(s, from, err, durationHint(items[len(items)-1], " or PATTERN=60s"))
	}
	return d
}

func durationHint(value, more string) string {
	value = value[strings.LastIndexByte(value, '=')+1:]
	if _, err := strconv.ParseUint(value, 10, 32); err == nil {
		return fmt.Sprintf("a duration has a unit: %ss, %sms, %sm", value, value, value)
	}
	return "write a number with a unit: 500ms, 1s, 5m, 1h30m" + more
}

func (r *resolver) size(name string, def int64, least int64) int64 {
	s := r.setting(name)
	items, from, _ := r.raw(s)
	if len(items) == 0 {
		r.set(name, FormatSize(def), from)
		return def
	}
	n, err := parseSize(items[0])
	if err == nil && n < least {
		err = fmt.Errorf("%q is too little, %s is the least", items[0], FormatSize(least))
	}
	if err != nil {
		r.wrong(s, from, err, "write a number of bytes with a unit: 512MiB, 10GiB")
	}
	return n
}

func (r *resolver) choice(name string) string {
	s := r.setting(name)
	items, from, _ := r.raw(s)
	for _, c := range s.Choices {
		if strings.EqualFold(items[0], c) {
			return c
		}
	}
	r.wrong(s, from, fmt.Errorf("there is no %q", items[0]), "choose one of "+strings.Join(s.Choices, ", "))
	return s.Default
}

func (r *resolver) mode(name string) (mode uint32, given bool) {
	s := r.setting(name)
	items, from, given := r.raw(s)
	mode, decimal, err := parseMode(items[0])
	if err != nil {
		r.wrong(s, from, err, "write permission bits in octal: 0755")
	}
	if decimal {
		r.note("%s %s is decimal and means %#o, as in goofys; for octal write 0%s", dashed(name), items[0], mode, items[0])
	}
	return mode, given
}

// id reads --uid or --gid, which -o may give too: uid=1000.
func (r *resolver) id(name string, own uint32) uint32 {
	s := r.setting(name)
	items, from, given := r.raw(s)
	if !given {
		r.set(name, strconv.FormatUint(uint64(own), 10), from)
		return own
	}
	id, named, err := parseID(items[0])
	if err != nil {
		r.wrong(s, from, err, "write the number, as `id -u NAME` or `id -g NAME` prints it")
	}
	if !named {
		return own
	}
	return id
}

func (r *resolver) endpoint() string {
	s := r.setting("endpoint")
	items, from, _ := r.raw(s)
	if len(items) == 0 || items[0] == "" {
		return ""
	}
	text := items[0]
	if at := strings.LastIndexByte(text, '@'); at >= 0 {
		r.set(s.Name, "****"+text[at:], from)
	}
	if !strings.Contains(text, "://") {
		text = "https://" + text // what goofys' SDK makes of a bare host
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		r.wrong(s, from, fmt.Errorf("it is no URL"), "write http://HOST:PORT or https://HOST")
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		r.wrong(s, from, fmt.Errorf("%q is no URL of a server", u.Redacted()), "write http://HOST:PORT or https://HOST")
	case u.User != nil:
		r.wrong(s, from, fmt.Errorf("there are credentials in it"), "put keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
	}
	return strings.TrimRight(text, "/")
}

func (r *resolver) customerKey() []byte {
	s := r.setting("sse-c")
	items, from, _ := r.raw(s)
	if len(items) == 0 || items[0] == "" {
		return nil
	}
	key, err := base64.StdEncoding.DecodeString(items[0])
	if err != nil {
		err = fmt.Errorf("it is no base64")
	} else if len(key) != 32 {
		err = fmt.Errorf("it has %d bytes, not 32", len(key))
	}
	if err != nil {
		r.wrong(s, from, err, "make one with: head -c 32 /dev/urandom | base64")
		return nil
	}
	return key
}
