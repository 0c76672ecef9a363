package config

import (
	"fmt"
	"strings"
)

// Assignment is one KEY=VALUE of a .env file.
type Assignment struct {
	Key, Value string
	Line       int // from 1
}

// A LineError tells which line of a .env file could not be read and why. It never holds the line's text, which may be
// a secret.
type LineError struct {
	Line int
	Why  string
}

func (e LineError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Why) }

// ParseDotenv reads the text of a .env file. A line that cannot be read is reported and the others count; of two
// lines with one key the last counts.
//
// The dialect is what dotenv libraries have in common, without expansion: `KEY=VALUE`, `export KEY=VALUE`, blanks
// around both; '…' literal; "…" with \n \r \t \" \\ \$ and line breaks; `#` starts a comment at the start of a line
// or after white space, so that `K=a#b` is a#b; `$` is an ordinary character, since passwords have it.
func ParseDotenv(text string) ([]Assignment, []LineError) {
	text = strings.TrimPrefix(text, "\ufeff")
	text = strings.ReplaceAll(text, "\r\n", "\n")
	lines := strings.Split(text, "\n")
	var (
		found []Assignment
		bad   []LineError
		index = make(map[string]int)
	)
	for i := 0; i < len(lines); {
		key, value, used, why := parseAssignment(lines[i:])
		switch {
		case why != "":
			bad = append(bad, LineError{Line: i + 1, Why: why})
		case key != "":
			a := Assignment{Key: key, Value: value, Line: i + 1}
			if at, ok := index[key]; ok {
				found[at] = a
			} else {
				index[key] = len(found)
				found = append(found, a)
			}
		}
		i += used
	}
	return found, bad
}

// parseAssignment reads what begins on the first of lines and tells how many lines it took. A line without an
// assignment has no key; a bad line is one line, so that a lost quote costs no more than itself.
func parseAssignment(lines []string) (key, value string, used int, why string) {
	line := strings.TrimSpace(lines[0])
	if line == "" || line[0] == '#' {
		return "", "", 1, ""
	}
	key, rest, ok := strings.Cut(line, "=")
	if !ok {
		return "", "", 1, "there is no = in it"
	}
	key = strings.TrimSpace(key)
	if after, ok := strings.CutPrefix(key, "export"); ok && after != "" && (after[0] == ' ' || after[0] == '\t') {
		key = strings.TrimSpace(after)
	}
	if why := checkKey(key); why != "" {
		return "", "", 1, why
	}
	if strings.IndexByte(line, 0) >= 0 {
		return "", "", 1, "there is a NUL byte in it"
	}
	rest = strings.TrimLeft(rest, " \t")
	if rest == "" || rest[0] != '"' && rest[0] != '\'' {
		return key, plainValue(rest), 1, ""
	}
	// The quoted text may go on behind this line: what TrimSpace took from its end belongs to it.
	first := lines[0][strings.IndexByte(lines[0], '=')+1:]
	rest = strings.TrimLeft(first, " \t")
	value, used, why = quotedValue(rest, lines[1:])
	if why != "" {
		return "", "", 1, why
	}
	return key, value, used, ""
}

func checkKey(key string) string {
	if key == "" {
		return "there is no name before the ="
	}
	for i := 0; i < len(key); i++ {
		c := key[i]
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c != '.' && c != '-' && (c < '0' || c > '9')) {
			return "the name before the = has a character that no variable has"
		}
	}
	return ""
}

// plainValue is an unquoted value: to the end of the line or a # after white space.
func plainValue(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] == '#' && (i == 0 || s[i-1] == ' ' || s[i-1] == '\t') {
			s = s[:i]
			break
		}
	}
	return strings.TrimSpace(s)
}

// quotedValue reads a quoted value that begins at s[0] and may go on in the lines that follow.
func quotedValue(s string, following []string) (value string, used int, why string) {
	quote := s[0]
	var b strings.Builder
	used = 1
	for s = s[1:]; ; s = following[used-2] {
		end, ok := copyQuoted(&b, s, quote)
		if ok {
			tail := strings.TrimSpace(s[end:])
			if tail != "" && tail[0] != '#' {
				return "", 0, "there is text behind the closing quote"
			}
			return b.String(), used, ""
		}
		if used > len(following) {
			return "", 0, "the quote is not closed"
		}
		b.WriteByte('\n')
		used++
	}
}

// copyQuoted copies s into b up to the closing quote and tells where the text behind it begins.
func copyQuoted(b *strings.Builder, s string, quote byte) (end int, closed bool) {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == quote {
			return i + 1, true
		}
		if c == '\\' && quote == '"' && i+1 < len(s) {
			if r, ok := escapes[s[i+1]]; ok {
				b.WriteByte(r)
				i++
				continue
			}
		}
		b.WriteByte(c)
	}
	return len(s), false
}

var escapes = map[byte]byte{'n': '\n', 'r': '\r', 't': '\t', '"': '"', '\\': '\\', '$': '$'}
