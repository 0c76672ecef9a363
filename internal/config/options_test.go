package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSplitOptions(t *testing.T) {
	tests := []struct {
		list string
		want []string
	}{
		{"allow_other", []string{"allow_other"}},
		{"_netdev,allow_other,--stat-cache-ttl=1s", []string{"_netdev", "allow_other", "--stat-cache-ttl=1s"}},
		{",a,,b,", []string{"a", "b"}},
		{`--open-ttl={a\,b}=1s,ro`, []string{"--open-ttl={a,b}=1s", "ro"}},
		{`a\\,b\c`, []string{`a\`, `b\c`}},
		{"", nil},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, SplitOptions(tt.list)); diff != "" {
			t.Errorf("SplitOptions(%q) (-want +got):\n%s", tt.list, diff)
		}
	}
}

func FuzzSplitOptions(f *testing.F) {
	for _, s := range []string{"a,b", `a\,b`, `\`, `\\,`, ",", "-o=x,--f"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, list string) {
		items := SplitOptions(list)
		for _, item := range items {
			if item == "" {
				t.Fatalf("an empty item in %q of %q", items, list)
			}
		}
		again := SplitOptions(JoinOptions(items))
		if diff := cmp.Diff(items, again); diff != "" {
			t.Fatalf("JoinOptions is no inverse (-want +got):\n%s", diff)
		}
	})
}

// What anybody writes behind -o must not make Load fail but by a Problem.
func FuzzLoadOptions(f *testing.F) {
	for _, s := range []string{"_netdev,allow_other,--stat-cache-ttl=1s", "--f,-f=x", "--=,-,--o=a", "uid=,gid=x", "--sse-c=AAAA"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, list string) {
		c := Load(Input{Flags: []Flag{{"o", list}}, Args: []string{"bucket", "/mnt"}, Home: "/home/x"})
		for _, p := range c.Problems {
			if p.What == "" || p.Hint == "" {
				t.Fatalf("a problem without a text: %+v", p)
			}
		}
	})
}
