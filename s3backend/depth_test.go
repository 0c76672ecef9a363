package s3backend

import (
	"errors"
	"strings"
	"testing"
)

func TestDepth(t *testing.T) {
	nested := strings.Repeat("<a>", maxDepth) + "x" + strings.Repeat("</a>", maxDepth)
	for _, tc := range []struct {
		name, xml string
		deep      bool
	}{
		{"listing", `<?xml version="1.0"?><!-- c --><L xmlns="u"><C><K>a&lt;b/c</K><E/></C><C><K/></C></L>`, false},
		{"many beside each other", strings.Repeat("<a><b/></a>", 10*maxDepth), false},
		{"as deep as may be", nested, false},
		{"twice as deep as may be, in turn", nested + nested, false},
		{"deeper", "<a>" + nested, true},
		{"attributes", strings.Repeat(`<a b="c">`, maxDepth+1), true},
	} {
		for _, piece := range []int{1, 2, 7, len(tc.xml)} {
			var d depth
			var err error
			for at := 0; at < len(tc.xml) && err == nil; at += piece {
				err = d.see([]byte(tc.xml[at:min(at+piece, len(tc.xml))]))
			}
			if errors.Is(err, errTooDeep) != tc.deep {
				t.Errorf("%s in pieces of %d: %v, too deep: want %v", tc.name, piece, err, tc.deep)
			}
		}
	}
}
