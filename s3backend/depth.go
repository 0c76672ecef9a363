package s3backend

import "errors"

// maxDepth bounds how deep the elements of an answer lie in each other. S3's lie at most six deep; a decoder keeps each
// that is open, so that a hostile answer of a few megabytes would take a hundred times as much.
const maxDepth = 64

var errTooDeep = errors.New("an answer nests its elements deeper than any honest one")

// depth counts the open elements of an XML answer as its bytes come. Text has no bare '<' in XML, so tags are all that
// needs to be told apart.
type depth struct {
	open int
	last byte // the byte before, 0 at the start
}

// see counts the elements of p.
func (d *depth) see(p []byte) error {
	for _, c := range p {
		switch {
		case d.last == '<' && c == '/':
			d.open--
		case d.last == '<' && c != '?' && c != '!':
			d.open++
		case d.last == '/' && c == '>':
			d.open--
		}
		if d.open > maxDepth {
			return errTooDeep
		}
		d.last = c
	}
	return nil
}
