package config

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseDotenv(t *testing.T) {
	tests := []struct {
		name, text string
		want       []Assignment
		bad        []int // lines
	}{
		{"plain", "A=1\nB = two words \n", []Assignment{{"A", "1", 1}, {"B", "two words", 2}}, nil},
		{"export and empty", "export A=1\n export  B=\nexport=x", []Assignment{{"A", "1", 1}, {"B", "", 2}, {"export", "x", 3}}, nil},
		{"comments", "# a\nA=b#c\nB=b # c\nC=#x\nD=b\t# c\n  # e", []Assignment{{"A", "b#c", 2}, {"B", "b", 3}, {"C", "", 4}, {"D", "b", 5}}, nil},
		{"dollar is a character", "K=pa$WORD\nL=\"pa$WORD\"\nM='pa$WORD'\nN=${HOME}/x\nO=$$", []Assignment{{"K", "pa$WORD", 1}, {"L", "pa$WORD", 2}, {"M", "pa$WORD", 3}, {"N", "${HOME}/x", 4}, {"O", "$$", 5}}, nil},
		{"quotes", `A="a # b" # c` + "\n" + `B='a"b\n'` + "\n" + `C="a\"b\nc\\"`, []Assignment{{"A", "a # b", 1}, {"B", `a"b\n`, 2}, {"C", "a\"b\nc\\", 3}}, nil},
		{"quotes within a plain value", `A=it's "fine"`, []Assignment{{"A", `it's "fine"`, 1}}, nil},
		{"over lines", "A=\"one\ntwo \"\nB=3", []Assignment{{"A", "one\ntwo ", 1}, {"B", "3", 3}}, nil},
		{"the last duplicate wins", "A=1\nB=2\nA=3", []Assignment{{"A", "3", 3}, {"B", "2", 2}}, nil},
		{"bad lines cost themselves only", "A=1\nnonsense\n=x\n1A=2\nB=\"open\nC=3\nD='x' y\nE=4", []Assignment{{"A", "1", 1}, {"C", "3", 6}, {"E", "4", 8}}, []int{2, 3, 4, 5, 7}},
		{"windows", "\ufeffA=1\r\nB=2\r\n", []Assignment{{"A", "1", 1}, {"B", "2", 2}}, nil},
		{"base64 keeps its end", "A=ab/+c==", []Assignment{{"A", "ab/+c==", 1}}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, bad := ParseDotenv(tt.text)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("assignments (-want +got):\n%s", diff)
			}
			var lines []int
			for _, e := range bad {
				lines = append(lines, e.Line)
			}
			if diff := cmp.Diff(tt.bad, lines); diff != "" {
				t.Errorf("bad lines (-want +got):\n%s", diff)
			}
		})
	}
}

// What users of ROMA-DSPy have in their .env: each assignment of its example must be read.
func TestParseDotenvOfROMA(t *testing.T) {
	text, err := os.ReadFile("testdata/roma.env.example")
	if err != nil {
		t.Fatal(err)
	}
	got, bad := ParseDotenv(string(text))
	if len(bad) != 0 {
		t.Errorf("bad lines: %v", bad)
	}
	values := make(map[string]string)
	for _, a := range got {
		values[a.Key] = a.Value
	}
	for key, want := range map[string]string{
		"STORAGE_BASE_PATH": "/opt/sentient", "ROMA_S3_BUCKET": "roma-shared", "AWS_REGION": "us-east-1",
		"AWS_ACCESS_KEY_ID": "your_aws_access_key_id", "LOG_ROTATION": "100 MB", "LOG_DIR": "null",
		"MLFLOW_DEFAULT_ARTIFACT_ROOT": "s3://mlflow", "POSTGRES_PORT": "5432", "ROMA_CHECKPOINT_MAX_AGE_HOURS": "24.0",
	} {
		if values[key] != want {
			t.Errorf("%s is %q, want %q", key, values[key], want)
		}
	}
	// POSTGRES_PORT and API_PORT stand there twice.
	assigned := 0
	for line := range strings.Lines(string(text)) {
		if line[0] != '#' && strings.Contains(line, "=") {
			assigned++
		}
	}
	if len(got) != assigned-2 {
		t.Errorf("%d variables of %d lines", len(got), assigned)
	}
}

func FuzzParseDotenv(f *testing.F) {
	for _, s := range []string{"A=1", "A=\"x\ny\"", "export A='b' # c", "=\n\"", "A=\\", "A=\"\\", "A='", "\ufeff#\r\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, bad := ParseDotenv(text)
		lines := strings.Count(text, "\n") + 1
		seen := make(map[string]bool)
		for _, a := range got {
			if seen[a.Key] || a.Key == "" || a.Line < 1 || a.Line > lines {
				t.Fatalf("%+v of %d lines", a, lines)
			}
			seen[a.Key] = true
			// A quoted value of any bytes comes back as it was.
			if !strings.ContainsAny(a.Value, "\x00\r") {
				q := strings.NewReplacer("\\", "\\\\", "\"", "\\\"", "$", "\\$").Replace(a.Value)
				again, worse := ParseDotenv(a.Key + "=\"" + q + "\"")
				if len(worse) != 0 || len(again) != 1 || again[0].Value != a.Value {
					t.Fatalf("%q came back as %+v, %v", a.Value, again, worse)
				}
			}
		}
		for _, e := range bad {
			if e.Line < 1 || e.Line > lines {
				t.Fatalf("bad line %d of %d", e.Line, lines)
			}
		}
	})
}
