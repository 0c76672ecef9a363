package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// write makes files in a new folder, mode 0600, and returns it.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func value(c *Config, name string) Value {
	for _, v := range c.Show() {
		if v.Name == name {
			return v
		}
	}
	return Value{}
}

// problem returns the one problem whose text has all words.
func problem(t *testing.T, c *Config, words ...string) Problem {
	t.Helper()
search:
	for _, p := range c.Problems {
		for _, w := range words {
			if !strings.Contains(p.What, w) {
				continue search
			}
		}
		if p.Hint == "" {
			t.Errorf("no hint for %q", p.What)
		}
		return p
	}
	t.Errorf("no problem about %q in %+v", words, c.Problems)
	return Problem{}
}

func TestPrecedence(t *testing.T) {
	dir := write(t, map[string]string{
		".env":            "AWS_REGION=file\nSENTIENTFS_ACL=file\nSENTIENTFS_CACHE_SIZE=1GiB\nROMA_S3_BUCKET=file-bucket\nSENTIENTFS_STORAGE_CLASS=file",
		".env.production": "AWS_REGION=production\nSENTIENTFS_ACL=production\nSENTIENTFS_CACHE_SIZE=2GiB",
		"system":          "SENTIENTFS_MEMORY_LIMIT=100MiB\nAWS_REGION=system",
	})
	c := Load(Input{
		Flags:   []Flag{{"env", "production"}, {"region", "flag"}, {"stat-cache-ttl", "1s"}, {"stat-cache-ttl", "2s"}},
		Environ: []string{"AWS_REGION=environ", "SENTIENTFS_ACL=environ", "STORAGE_BASE_PATH=~/mnt"},
		Dir:     dir, System: filepath.Join(dir, "system"), Home: "/home/ada", UID: 1000, GID: 1001,
	})
	if len(c.Problems) > 0 {
		t.Fatal(c.Problems)
	}
	for name, want := range map[string][2]string{
		"region":        {"flag", "--region"},
		"acl":           {"environ", "environment SENTIENTFS_ACL"},
		"cache-size":    {"2GiB", filepath.Join(dir, ".env.production") + ":3 SENTIENTFS_CACHE_SIZE"},
		"storage-class": {"file", filepath.Join(dir, ".env") + ":5 SENTIENTFS_STORAGE_CLASS"},
		"memory-limit":  {"100MiB", filepath.Join(dir, "system") + ":1 SENTIENTFS_MEMORY_LIMIT"},
		"http-timeout":  {"30s", "default"},
		"uid":           {"1000", "default"},
		bucketName:      {"file-bucket", filepath.Join(dir, ".env") + ":4 ROMA_S3_BUCKET"},
		mountPointName:  {"/home/ada/mnt", "environment STORAGE_BASE_PATH"},
	} {
		if v := value(c, name); v.Value != want[0] || v.Source != want[1] {
			t.Errorf("%s is %q from %q, want %q from %q", name, v.Value, v.Source, want[0], want[1])
		}
	}
	if c.S3.Region != "flag" || c.Disk.Size != 2<<30 || c.Disk.Memory != 100<<20 || c.Files.UID != 1000 || c.Files.GID != 1001 {
		t.Errorf("the typed values differ from the shown ones: %+v %+v %+v", c.S3, c.Disk, c.Files)
	}
	if got := c.Fresh.Stat.For("x"); got != 2*time.Second {
		t.Errorf("of two --stat-cache-ttl counts %v, want the last", got)
	}
}

func TestEnvFileReplacesTheOthers(t *testing.T) {
	dir := write(t, map[string]string{".env": "AWS_REGION=dotenv\nSENTIENTFS_ACL=dotenv", "my": "AWS_REGION=mine"})
	c := Load(Input{Flags: []Flag{{"env-file", filepath.Join(dir, "my")}}, Args: []string{"bucket", "/mnt"}, Dir: dir})
	if c.S3.Region != "mine" || c.S3.ACL != "" {
		t.Errorf("region %q, acl %q", c.S3.Region, c.S3.ACL)
	}
	c = Load(Input{Flags: []Flag{{"env-file", filepath.Join(dir, "none")}}, Args: []string{"bucket", "/mnt"}, Dir: dir})
	problem(t, c, "cannot read", "none")
}

func TestEnvironmentName(t *testing.T) {
	dir := write(t, map[string]string{".env.development": "AWS_REGION=dev"})
	c := Load(Input{Environ: []string{"ENV=development"}, Args: []string{"bucket", "/mnt"}, Dir: dir})
	if c.S3.Region != "dev" || c.Environment != "development" {
		t.Errorf("ENV=development reads region %q, environment %q", c.S3.Region, c.Environment)
	}
	// POSIX shells have a file there.
	c = Load(Input{Environ: []string{"ENV=/home/ada/.shrc"}, Args: []string{"bucket", "/mnt"}, Dir: dir})
	if len(c.Problems) != 0 || c.Environment != "" {
		t.Errorf("a shell's ENV: %v, environment %q", c.Problems, c.Environment)
	}
	c = Load(Input{Flags: []Flag{{"env", "prodution"}}, Args: []string{"bucket", "/mnt"}, Dir: dir})
	problem(t, c, "cannot read", ".env.prodution")
	c = Load(Input{Flags: []Flag{{"env", "../x"}}, Args: []string{"bucket", "/mnt"}, Dir: dir})
	problem(t, c, "--env", "no name")
}

func TestCredentialsAreOneSetFromOneSource(t *testing.T) {
	tests := []struct {
		name    string
		flags   []Flag
		environ []string
		file    string
		want    Keys
		profile string
		problem string
	}{
		{name: "environment beats file", environ: []string{"AWS_ACCESS_KEY_ID=e", "AWS_SECRET_ACCESS_KEY=s"},
			file: "AWS_ACCESS_KEY_ID=f\nAWS_SECRET_ACCESS_KEY=g\nAWS_SESSION_TOKEN=t", want: Keys{ID: "e", Secret: "s"}},
		{name: "the token comes along", file: "AWS_ACCESS_KEY_ID=f\nAWS_SECRET_ACCESS_KEY=g\nAWS_SESSION_TOKEN=t",
			want: Keys{ID: "f", Secret: "g", Token: "t"}},
		{name: "halves of two sources", environ: []string{"AWS_ACCESS_KEY_ID=e"}, file: "AWS_SECRET_ACCESS_KEY=g\nAWS_ACCESS_KEY_ID=f",
			problem: "AWS_SECRET_ACCESS_KEY is not set"},
		{name: "secret alone", file: "AWS_SECRET_ACCESS_KEY=g", problem: "AWS_ACCESS_KEY_ID is not set"},
		{name: "token alone", environ: []string{"AWS_SESSION_TOKEN=g"}, problem: "AWS_SESSION_TOKEN"},
		{name: "empty is not set", environ: []string{"AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY="},
			file: "AWS_ACCESS_KEY_ID=f\nAWS_SECRET_ACCESS_KEY=g", want: Keys{ID: "f", Secret: "g"}},
		{name: "the pair for S3 wins from anywhere", environ: []string{"AWS_ACCESS_KEY_ID=minio", "AWS_SECRET_ACCESS_KEY=minio", "AWS_SESSION_TOKEN=x"},
			file: "AWS_ACCESS_KEY_ID_S3=f\nAWS_SECRET_ACCESS_KEY_S3=g", want: Keys{ID: "f", Secret: "g"}},
		{name: "half of the pair for S3", environ: []string{"AWS_ACCESS_KEY_ID=e", "AWS_SECRET_ACCESS_KEY=s", "AWS_ACCESS_KEY_ID_S3=x"},
			problem: "AWS_SECRET_ACCESS_KEY_S3 is not set"},
		{name: "--profile beats keys", flags: []Flag{{"profile", "p"}}, environ: []string{"AWS_ACCESS_KEY_ID=e", "AWS_SECRET_ACCESS_KEY=s"}, profile: "p"},
		{name: "AWS_PROFILE of a file", file: "AWS_PROFILE=p", profile: "p"},
		{name: "keys beat AWS_PROFILE of a later place", environ: []string{"AWS_ACCESS_KEY_ID=e", "AWS_SECRET_ACCESS_KEY=s"},
			file: "AWS_PROFILE=p", want: Keys{ID: "e", Secret: "s"}},
		{name: "nothing", file: ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := Load(Input{Flags: tt.flags, Environ: tt.environ, Args: []string{"bucket", "/mnt"},
				Dir: write(t, map[string]string{".env": tt.file})})
			if tt.problem != "" {
				problem(t, c, tt.problem)
				if c.S3.Keys != nil {
					t.Errorf("keys %+v of a half", c.S3.Keys)
				}
				return
			}
			if len(c.Problems) > 0 {
				t.Error(c.Problems)
			}
			got := Keys{}
			if c.S3.Keys != nil {
				got = *c.S3.Keys
				got.Source = Source{}
			}
			if got != tt.want || c.S3.Profile != tt.profile {
				t.Errorf("keys %+v, profile %q, want %+v, %q", got, c.S3.Profile, tt.want, tt.profile)
			}
		})
	}
}

func TestEveryMistakeAtOnce(t *testing.T) {
	dir := write(t, map[string]string{".env": "nonsense\nAWS_SECRET_ACCESS_KEY=verysecretvalue\nSENTIENTFS_CACHE_SIZE=huge"})
	if err := os.Chmod(filepath.Join(dir, ".env"), 0o644); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, ".env")
	c := Load(Input{Flags: []Flag{{"stat-cache-ttl", "5"}, {"open-ttl", "[=1s"}, {"symlinks", "some"}, {"file-mode", "rwx"},
		{"o", "allow_othre,--sse-c,--nonsense=1,region=x"}, {"endpoint", "ftp://x"}, {"sse-c", "c2hvcnQ="}, {"uid", "root"},
		{"posix-metadata", "maybe"}, {"memory-limit", "1MiB"}, {"log-level", "loud"}, {"cache-dir", "${NOWHERE}/x"}},
		Args: []string{"", file}, Dir: dir})
	c.CheckMountPoint()
	for _, words := range [][]string{
		{"no bucket"}, {"AWS_ACCESS_KEY_ID is not set"}, {"--stat-cache-ttl", "no duration"}, {"--open-ttl", "malformed"},
		{"--symlinks", "some"}, {"--file-mode", "rwx"}, {`"allow_othre"`}, {"--sse-c in -o"}, {"--nonsense"}, {`"region"`},
		{"--endpoint", "no URL"}, {"--sse-c", "5 bytes"}, {"--uid", "root"}, {"--posix-metadata", "maybe"},
		{"--memory-limit", "too little"}, {"--log-level", "loud"}, {"line 1 of", ".env"}, {"everyone may read", ".env"},
		{"SENTIENTFS_CACHE_SIZE", "huge"}, {"it is a file"}, {"${NOWHERE}"},
	} {
		problem(t, c, words...)
	}
	for _, p := range c.Problems {
		if strings.Contains(p.What+p.Hint, "verysecret") {
			t.Errorf("a secret in %+v", p)
		}
	}
	if p := problem(t, c, "--stat-cache-ttl"); !strings.Contains(p.Hint, "5s") {
		t.Errorf("the hint for 5 is %q", p.Hint)
	}
	if p := problem(t, c, "allow_othre"); !strings.Contains(p.Hint, "allow_other") {
		t.Errorf("the hint for allow_othre is %q", p.Hint)
	}
	if p := problem(t, c, `"region"`); !strings.Contains(p.Hint, "--region") {
		t.Errorf("the hint for region= is %q", p.Hint)
	}
}

func TestMountPoint(t *testing.T) {
	dir := write(t, map[string]string{"file": "", "full-is-dir": ""})
	empty, full := filepath.Join(dir, "empty"), filepath.Join(dir, "full")
	for _, d := range []string{empty, filepath.Join(full, "sub")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(empty, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for point, want := range map[string]string{"missing": "not there", "file": "a file", "link": "symbolic link", "full": "not empty", "empty": ""} {
		c := Load(Input{Args: []string{"bucket", filepath.Join(dir, point)}})
		c.CheckMountPoint()
		if want == "" && len(c.Problems) > 0 {
			t.Errorf("%s: %v", point, c.Problems)
		} else if want != "" && !problem(t, c, want).Mount {
			t.Errorf("%s: the problem is not one of the mount point", point)
		}
	}
	c := Load(Input{Flags: []Flag{{"o", "nonempty"}}, Args: []string{"bucket", full}})
	c.CheckMountPoint()
	if len(c.Problems) > 0 {
		t.Errorf("with -o nonempty: %v", c.Problems)
	}
}

func TestSecretsAreMasked(t *testing.T) {
	secret := "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U="
	c := Load(Input{Flags: []Flag{{"o", "--sse-c=" + secret}}, Args: []string{"bucket", "/mnt"},
		Environ: []string{"AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI", "AWS_SESSION_TOKEN=FwoGZXIv",
			"AWS_ENDPOINT_URL=http://me:pass@host"}})
	for _, v := range c.Show() {
		for _, s := range []string{secret, "wJalr", "FwoG", "pass", "IOSFODNN"} {
			if strings.Contains(v.Value, s) {
				t.Errorf("%s shows %q", v.Name, v.Value)
			}
		}
	}
	for _, p := range c.Problems {
		if strings.Contains(p.What+p.Hint, "pass@") {
			t.Errorf("a secret in %+v", p)
		}
	}
	if v := value(c, "credentials"); v.Value != "AKIA****" || v.Source != "environment AWS_ACCESS_KEY_ID" {
		t.Errorf("credentials show as %+v", v)
	}
	if len(c.S3.SSEC) != 32 {
		t.Errorf("--sse-c in -o gives %d bytes", len(c.S3.SSEC))
	}
}

func TestForeignVariablesAreNoted(t *testing.T) {
	text, err := os.ReadFile("testdata/roma.env.example")
	if err != nil {
		t.Fatal(err)
	}
	c := Load(Input{Dir: write(t, map[string]string{".env": string(text)})})
	if c.S3.Endpoint != "" || len(c.Notes) != 2 {
		t.Errorf("endpoint %q, notes %q", c.S3.Endpoint, c.Notes)
	}
	if len(c.Fatal()) != 0 || c.Bucket != "roma-shared" || c.MountPoint != "/opt/sentient" || c.S3.Region != "us-east-1" {
		t.Errorf("%+v %v", c, c.Problems)
	}
	problem(t, c, "text of the example")
}

func TestGoofysLines(t *testing.T) {
	// ROMA's line, with the options of its setup script.
	c := Load(Input{Flags: []Flag{{"stat-cache-ttl", "1s"}, {"type-cache-ttl", "1s"}, {"dir-mode", "0777"}, {"file-mode", "0666"},
		{"o", "allow_other"}, {"max-idle-handles", "1000"}, {"cache", "--free:10%:/var/tmp/c"}}, Args: []string{"bucket:a/b", "/mnt"}})
	if len(c.Problems) > 0 {
		t.Error(c.Problems)
	}
	if c.Source != "bucket:a/b" || c.Bucket != "bucket" || c.Prefix != "a/b" || c.Files.DirMode != 0o777 || c.Files.FileMode != 0o666 ||
		!c.Files.DirModeSet || c.Disk.Dir != "/var/tmp/c" || len(c.MountOptions) != 1 || len(c.Notes) != 2 {
		t.Errorf("%+v", c)
	}
	c = Load(Input{Flags: []Flag{{"dir-mode", "755"}, {"o", "_netdev,ro,uid=7,suid,x-systemd.automount,--cheap,-f"}}, Args: []string{"bucket", "/mnt"}})
	if len(c.Problems) > 0 || c.Files.DirMode != 755 || !c.Files.ReadOnly || c.Files.UID != 7 || !c.Files.Cheap || !c.Foreground ||
		len(c.MountOptions) != 0 || len(c.Notes) != 2 {
		t.Errorf("%+v", c)
	}
	if !strings.Contains(c.Notes[1], "0755") {
		t.Errorf("the note on 755 is %q", c.Notes[1])
	}
}

func TestOneArgument(t *testing.T) {
	c := Load(Input{Args: []string{"./mnt"}, Environ: []string{"S3_BUCKET_NAME=bucket"}})
	if c.Bucket != "bucket" || c.MountPoint != "./mnt" {
		t.Errorf("a path alone: bucket %q on %q", c.Bucket, c.MountPoint)
	}
	c = Load(Input{Args: []string{"other"}, Environ: []string{"S3_BUCKET_NAME=bucket", "STORAGE_BASE_PATH=/mnt"}})
	if c.Bucket != "other" || c.MountPoint != "/mnt" {
		t.Errorf("a name alone: bucket %q on %q", c.Bucket, c.MountPoint)
	}
	problem(t, Load(Input{Args: []string{"bucket", "/mnt", "more"}}), `"more"`)
}

func TestPassedOn(t *testing.T) {
	dir := write(t, map[string]string{".env": "AWS_CA_BUNDLE=${HOME}/ca.pem\nHTTPS_PROXY=http://file"})
	c := Load(Input{Args: []string{"bucket", "/mnt"}, Dir: dir, Environ: []string{"HTTPS_PROXY=http://environ"}, Home: "/home/ada"})
	if len(c.Export) != 1 || c.Export[0] != (Variable{"AWS_CA_BUNDLE", "/home/ada/ca.pem"}) {
		t.Errorf("Export is %+v", c.Export)
	}
}

func TestFolderIsOfOneMount(t *testing.T) {
	seen := make(map[string]int)
	for i, in := range []Input{
		{Args: []string{"bucket", "/a"}}, {Args: []string{"bucket", "/b"}}, {Args: []string{"bucket:p", "/a"}},
		{Args: []string{"bucket2", "/a"}}, {Args: []string{"bucket", "/a"}, Flags: []Flag{{"endpoint", "http://x"}}},
	} {
		folder := Load(in).Folder()
		if j, ok := seen[folder]; ok {
			t.Errorf("inputs %d and %d share %s", j, i, folder)
		}
		seen[folder] = i
	}
}

// The project's own example must read without a mistake but that it is one.
func TestOwnExample(t *testing.T) {
	text, err := os.ReadFile("../../.env.example")
	if err != nil {
		t.Fatal(err)
	}
	c := Load(Input{Dir: write(t, map[string]string{".env": string(text)})})
	if len(c.Problems) != 1 || c.Bucket != "your-s3-bucket-name" || c.MountPoint != "/opt/sentient" {
		t.Errorf("%v, bucket %q on %q", c.Problems, c.Bucket, c.MountPoint)
	}
	problem(t, c, "text of the example")
}

// Every default must be a value that its own parser takes.
func TestDefaults(t *testing.T) {
	c := Load(Input{Args: []string{"bucket", "/mnt"}, Home: "/home/ada", UID: 5})
	if len(c.Problems) > 0 || len(c.Notes) > 0 {
		t.Errorf("%v %v", c.Problems, c.Notes)
	}
	if c.Disk.Dir != "/home/ada/.cache/sentientfs" || c.Disk.Size != 10<<30 || c.Disk.Memory < 64<<20 || !c.Files.PosixMetadata ||
		c.Files.Symlinks != "inside" || c.Fresh.Stat.Default != time.Minute || c.Fresh.Open.Default != 0 || c.Log.Level != "info" {
		t.Errorf("%+v", c)
	}
}
