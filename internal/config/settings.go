package config

import "strings"

// A Kind says how the text of a setting is read.
type Kind int

// The kinds of settings.
const (
	Text     Kind = iota
	Switch        // given means on; also =true, =false, =on, =off
	OnOff         // as Switch, and on or off may follow behind a space
	Mode          // permission bits, base 0
	ID            // a user or group number, base 0
	Duration      // as Go writes it: 1m30s
	TTL           // a Duration or PATTERN=Duration, repeatable
	Size          // bytes, with a unit
	Path          // ~ and ${HOME} expand
	Choice        // one of Setting.Choices
	Options       // lists with commas, repeatable
)

// A Setting is one thing that can be configured: a flag of `sentientfs mount`, its variables and its default.
type Setting struct {
	Name    string   // the flag, without dashes
	Aliases []string // other names of the flag
	Env     []string // variables, the first that is set counts
	Kind    Kind
	Default string
	Choices []string
	Group   string // the heading in the help
	Value   string // what stands for the value in the help
	Usage   string
	Secret  bool
	Goofys  bool // goofys has a flag of this name
}

// The groups of flags, in the order of the help.
const (
	GroupBucket = "Bucket and access"
	GroupMount  = "Mount"
	GroupFresh  = "How fresh, how fast"
	GroupCache  = "Local disk and memory"
	GroupFiles  = "Settings files"
	GroupLog    = "Logs and debugging"
)

// Repeatable tells whether each use of the flag adds to the ones before.
func (s Setting) Repeatable() bool { return s.Kind == TTL || s.Kind == Options }

// TakesValue tells whether the flag must have a value.
func (s Setting) TakesValue() bool { return s.Kind != Switch && s.Kind != OnOff }

// Variables are the names under which the environment and .env files set s: its own ones, then SENTIENTFS_ and the
// flag's name.
func (s Setting) Variables() []string {
	if len(s.Name) == 1 || s.Group == GroupFiles {
		return s.Env
	}
	own := "SENTIENTFS_" + strings.ToUpper(strings.ReplaceAll(s.Name, "-", "_"))
	return append(s.Env[:len(s.Env):len(s.Env)], own)
}

// The positional arguments are settings too, without flags.
const (
	bucketName     = "BUCKET[:PREFIX]"
	mountPointName = "MOUNTPOINT"
)

var positionals = []Setting{
	{Name: bucketName, Env: []string{"ROMA_S3_BUCKET", "S3_BUCKET_NAME"}, Group: GroupBucket,
		Usage: "the bucket, and the part of it to mount"},
	{Name: mountPointName, Env: []string{"STORAGE_BASE_PATH"}, Kind: Path, Group: GroupMount,
		Usage: "the folder where it appears"},
}

// Settings are all flags of `sentientfs mount`, in the order of the help.
func Settings() []Setting { return settings }

var settings = []Setting{
	{Name: "endpoint", Env: []string{"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"}, Group: GroupBucket, Goofys: true,
		Value: "URL", Usage: "S3 server other than AWS, such as http://127.0.0.1:9000"},
	{Name: "region", Env: []string{"AWS_REGION", "AWS_DEFAULT_REGION"}, Group: GroupBucket, Goofys: true,
		Value: "NAME", Usage: "region of the bucket (default: the server is asked, else us-east-1)"},
	{Name: "profile", Group: GroupBucket, Goofys: true,
		Value: "NAME", Usage: "profile of ~/.aws/config and ~/.aws/credentials; wins over keys in variables"},
	{Name: "subdomain", Kind: Switch, Group: GroupBucket, Goofys: true,
		Usage: "address the bucket as BUCKET.host instead of host/BUCKET"},
	{Name: "requester-pays", Kind: Switch, Group: GroupBucket, Goofys: true,
		Usage: "agree to pay for requests to a bucket of someone else"},
	{Name: "storage-class", Default: "STANDARD", Group: GroupBucket, Goofys: true,
		Value: "CLASS", Usage: "storage class of what is written"},
	{Name: "acl", Group: GroupBucket, Goofys: true,
		Value: "NAME", Usage: "canned ACL of what is written, such as bucket-owner-full-control"},
	{Name: "sse", Kind: Switch, Group: GroupBucket, Goofys: true,
		Usage: "encrypt at rest with keys of S3 (AES256)"},
	{Name: "sse-kms", Group: GroupBucket, Goofys: true,
		Value: "KEY-ID", Usage: "encrypt at rest with this KMS key; an empty ID is the bucket's default key"},
	{Name: "sse-c", Group: GroupBucket, Goofys: true, Secret: true,
		Value: "BASE64", Usage: "encrypt at rest with this key of 32 bytes; safer in SENTIENTFS_SSE_C"},
	{Name: "use-content-type", Kind: Switch, Group: GroupBucket, Goofys: true,
		Usage: "set the Content-Type of what is written by the name's ending"},
	{Name: "http-timeout", Kind: Duration, Default: "30s", Group: GroupBucket, Goofys: true,
		Value: "DURATION", Usage: "give an attempt up when it makes no progress for so long"},

	{Name: "o", Kind: Options, Group: GroupMount, Goofys: true,
		Value: "OPTION[,OPTION…]", Usage: "mount options, and flags with their dashes as fstab needs them"},
	{Name: "f", Aliases: []string{"foreground"}, Kind: Switch, Group: GroupMount, Goofys: true,
		Usage: "stay in the foreground"},
	{Name: "read-only", Kind: Switch, Group: GroupMount, Usage: "refuse every change, as -o ro"},
	{Name: "dir-mode", Kind: Mode, Default: "0755", Group: GroupMount, Goofys: true,
		Value: "BITS", Usage: "mode of directories that have none stored; given, a floor for all. 0755 or 0o755: 755 is decimal"},
	{Name: "file-mode", Kind: Mode, Default: "0644", Group: GroupMount, Goofys: true,
		Value: "BITS", Usage: "mode of files that have none stored; given, a floor for all"},
	{Name: "uid", Kind: ID, Group: GroupMount, Goofys: true,
		Value: "NUMBER", Usage: "owner of all files (default: who mounts)"},
	{Name: "gid", Kind: ID, Group: GroupMount, Goofys: true,
		Value: "NUMBER", Usage: "group of all files (default: who mounts)"},
	{Name: "preserve-owner", Kind: OnOff, Default: "off", Group: GroupMount,
		Value: "on|off", Usage: "show the stored owners instead of --uid and --gid"},
	{Name: "posix-metadata", Kind: OnOff, Default: "on", Group: GroupMount,
		Value: "on|off", Usage: "read stored modes, times, links; off answers from listings alone, as goofys does"},
	{Name: "symlinks", Kind: Choice, Default: "inside", Choices: []string{"inside", "all", "none"}, Group: GroupMount,
		Value: "inside|all|none", Usage: "which symbolic links may be followed; all only where the writers are trusted"},
	{Name: "unmount-timeout", Kind: Duration, Default: "5m", Group: GroupMount,
		Value: "DURATION", Usage: "how long to upload when told to stop; what is left stays in the journal"},

	{Name: "stat-cache-ttl", Kind: TTL, Default: "1m", Group: GroupFresh, Goofys: true,
		Value: "[PATTERN=]DURATION", Usage: "how old size, mode and time may be"},
	{Name: "type-cache-ttl", Kind: TTL, Default: "1m", Group: GroupFresh, Goofys: true,
		Value: "[PATTERN=]DURATION", Usage: "how long a name that was found counts as there"},
	{Name: "open-ttl", Kind: TTL, Default: "0s", Group: GroupFresh,
		Value: "[PATTERN=]DURATION", Usage: "how long open() need not ask S3; 0: always asks, the newest bytes are read"},
	{Name: "negative-ttl", Kind: TTL, Default: "0s", Group: GroupFresh,
		Value: "[PATTERN=]DURATION", Usage: "how long a name that was not found counts as missing"},
	{Name: "list-ttl", Kind: TTL, Default: "0s", Group: GroupFresh,
		Value: "[PATTERN=]DURATION", Usage: "how old a directory listing may be"},
	{Name: "dirty-max-age", Kind: Duration, Default: "5s", Group: GroupFresh,
		Value: "DURATION", Usage: "upload what is appended to an open file after so long, or 1 MiB"},
	{Name: "cheap", Kind: Switch, Group: GroupFresh, Goofys: true,
		Usage: "fewer requests, one after the other, instead of speed"},
	{Name: "no-implicit-dir", Kind: Switch, Group: GroupFresh, Goofys: true,
		Usage: "only marker objects (\"dir/\") are directories"},
	{Name: "max-idle-handles", Group: GroupFresh, Goofys: true,
		Value: "NUMBER", Usage: "accepted and without effect: idle files hold no connection here"},

	{Name: "cache-dir", Kind: Path, Group: GroupCache,
		Value: "DIR", Usage: "where local copies and unsent writes are (default: /var/cache/sentientfs, or ~/.cache/sentientfs)"},
	{Name: "cache", Group: GroupCache, Goofys: true,
		Value: "[OPTS:]DIR", Usage: "goofys' name for --cache-dir; options before the folder have no effect"},
	{Name: "cache-size", Kind: Size, Default: "10GiB", Group: GroupCache,
		Value: "SIZE", Usage: "most bytes of the local disk"},
	{Name: "memory-limit", Kind: Size, Group: GroupCache,
		Value: "SIZE", Usage: "most bytes of memory (default: a tenth of the machine's or cgroup's, 64MiB to 512MiB)"},

	{Name: "env-file", Kind: Path, Group: GroupFiles,
		Value: "FILE", Usage: "read this file instead of .env and .env.<ENV>"},
	{Name: "env", Env: []string{"ENV"}, Group: GroupFiles,
		Value: "NAME", Usage: "read .env.NAME before .env: development, production"},

	{Name: "log-level", Kind: Choice, Default: "info", Choices: []string{"debug", "info", "warn", "error"}, Group: GroupLog,
		Value: "debug|info|warn|error", Usage: "how much is told; SIGUSR2 changes it while running"},
	{Name: "log-format", Kind: Choice, Default: "auto", Choices: []string{"auto", "text", "json"}, Group: GroupLog,
		Value: "auto|text|json", Usage: "auto: json under systemd, else text"},
	{Name: "log-file", Kind: Path, Group: GroupLog,
		Value: "FILE", Usage: "append logs to this file (default: stderr with -f, else the system's log)"},
	{Name: "debug_fuse", Aliases: []string{"debug-fuse"}, Kind: Switch, Group: GroupLog, Goofys: true,
		Usage: "log each request of the kernel"},
	{Name: "debug_s3", Aliases: []string{"debug-s3"}, Kind: Switch, Group: GroupLog, Goofys: true,
		Usage: "log each request to S3, without secrets"},
}

// lookup finds a setting by a name of its flag.
func lookup(name string) (Setting, bool) {
	for _, s := range settings {
		if s.Name == name {
			return s, true
		}
		for _, alias := range s.Aliases {
			if alias == name {
				return s, true
			}
		}
	}
	return Setting{}, false
}
