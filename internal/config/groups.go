package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// target reads what to mount and where. One argument alone is the bucket, or the mount point if it is a path.
func (r *resolver) target() {
	args := r.in.Args
	if len(args) > 2 {
		r.problem(Problem{What: fmt.Sprintf("cannot use the argument %q: a bucket and a mount point are all", args[2]),
			Hint: "write sentientfs mount [flags] BUCKET[:PREFIX] MOUNTPOINT"})
	}
	given := flagValues{}
	if len(args) == 1 && looksLikePath(args[0]) {
		args = []string{"", args[0]}
	}
	for i, p := range positionals {
		if i < len(args) && args[i] != "" {
			given[p.Name] = []string{args[i]}
		}
	}
	pr := resolver{Config: r.Config, in: r.in, flags: given, layers: r.layers}
	if items, from, ok := pr.raw(positionals[0]); ok {
		r.Source = items[0]
		var err error
		if r.Bucket, r.Prefix, err = ParseTarget(items[0]); err != nil {
			r.problem(Problem{What: fmt.Sprintf("cannot use the bucket %q of %s: %s", items[0], where(from), err),
				Hint: "write BUCKET or BUCKET:PREFIX"})
		}
		r.set(bucketName, items[0], from)
	} else {
		r.problem(Problem{What: "no bucket is given",
			Hint: "name it (sentientfs mount BUCKET MOUNTPOINT), set ROMA_S3_BUCKET, or try sentientfs demo"})
	}
	if items, from, ok := pr.raw(positionals[1]); ok {
		r.MountPoint = r.expand(items[0], r.in.Home, from)
		r.set(mountPointName, r.MountPoint, from)
	} else {
		r.problem(Problem{What: "no mount point is given",
			Hint: "name a folder (sentientfs mount BUCKET MOUNTPOINT) or set STORAGE_BASE_PATH"})
	}
}

func where(from Source) string {
	if from.Kind == SourceFlag {
		return "the command line"
	}
	return from.String()
}

func looksLikePath(arg string) bool {
	return strings.HasPrefix(arg, "/") || strings.HasPrefix(arg, ".") || strings.HasPrefix(arg, "~") ||
		strings.HasPrefix(arg, "${HOME}")
}

func (r *resolver) bucket() {
	s := &r.S3
	s.Endpoint = r.endpoint()
	s.Region = r.text("region")
	if s.Profile == "" {
		s.Profile = r.text("profile")
	}
	s.Subdomain = r.boolean("subdomain")
	s.RequesterPays = r.boolean("requester-pays")
	s.StorageClass = r.text("storage-class")
	s.ACL = r.text("acl")
	s.SSE = r.boolean("sse")
	if items, _, given := r.raw(r.setting("sse-kms")); given {
		s.SSEKMS = &items[0]
	}
	s.SSEC = r.customerKey()
	if s.SSEC != nil && (s.SSE || s.SSEKMS != nil) {
		r.problem(Problem{What: "cannot encrypt with --sse-c and with --sse or --sse-kms at once", Hint: "choose one"})
	}
	if s.SSEC != nil && strings.HasPrefix(s.Endpoint, "http://") {
		r.problem(Problem{What: "cannot use --sse-c over http: the key would cross the network in clear",
			Hint: "use an https endpoint"})
	}
	s.UseContentType = r.boolean("use-content-type")
	s.HTTPTimeout = r.duration("http-timeout")
	if s.HTTPTimeout == 0 {
		r.note("--http-timeout 0 would wait without end: 30s is used")
		s.HTTPTimeout = 30e9
	}
	s.Debug = r.boolean("debug_s3")
	if s.Keys != nil {
		r.set("credentials", maskID(s.Keys.ID), s.Keys.Source)
	}
}

func (r *resolver) mount() {
	r.mountOptions()
	r.Foreground = r.boolean("f")
	r.Files.ReadOnly = r.boolean("read-only") || r.Files.ReadOnly
	r.Files.DirMode, r.Files.DirModeSet = r.mode("dir-mode")
	r.Files.FileMode, r.Files.FileModeSet = r.mode("file-mode")
	r.Files.UID = r.id("uid", r.in.UID)
	r.Files.GID = r.id("gid", r.in.GID)
	r.Files.PreserveOwner = r.boolean("preserve-owner")
	r.Files.PosixMetadata = r.boolean("posix-metadata")
	r.Files.Symlinks = r.choice("symlinks")
	r.Files.Cheap = r.boolean("cheap")
	r.Files.NoImplicitDir = r.boolean("no-implicit-dir")
	r.Files.DebugFUSE = r.boolean("debug_fuse")
	r.UnmountTimeout = r.duration("unmount-timeout")
}

// mountOptions sorts the words of -o by who understands them.
func (r *resolver) mountOptions() {
	items, from, _ := r.raw(r.setting("o"))
	for _, item := range items {
		name, value, _ := strings.Cut(item, "=")
		switch classify(item) {
		case optionMount:
			r.MountOptions = append(r.MountOptions, item)
		case optionHelper:
		case optionRefused:
			r.note("-o %s is ignored: this mount is nosuid and nodev always, since others may write to the bucket", item)
		case optionOurs:
			switch name {
			case "ro":
				r.Files.ReadOnly = true
			case "rw":
				r.Files.ReadOnly = false
			case "nonempty":
				r.NonEmpty = true
			case "uid", "gid":
				r.flags[name] = append(r.flags[name], value)
			}
		default:
			r.problem(Problem{What: fmt.Sprintf("there is no mount option %q (%s)", name, from), Hint: optionHint(name)})
		}
	}
}

func optionHint(name string) string {
	if _, ok := lookup(name); ok {
		return "it is a flag: write it with its dashes, also inside -o: --" + name
	}
	best, bestAt := "", 3
	for known := range options {
		if d := distance(name, known); d < bestAt || d == bestAt && best != "" && known < best {
			best, bestAt = known, d
		}
	}
	if best != "" {
		return "did you mean " + best + "?"
	}
	return "see mount.fuse3(8) for the options; flags of sentientfs go in with their dashes"
}

func (r *resolver) fresh() {
	r.Fresh.Stat = r.durations("stat-cache-ttl")
	r.Fresh.Type = r.durations("type-cache-ttl")
	r.Fresh.Open = r.durations("open-ttl")
	r.Fresh.Negative = r.durations("negative-ttl")
	r.Fresh.List = r.durations("list-ttl")
	r.Fresh.DirtyMaxAge = r.duration("dirty-max-age")
	if r.text("max-idle-handles") != "" {
		r.note("--max-idle-handles has no effect: idle files hold no connection")
	}
}

func (r *resolver) disk() {
	r.Disk.Dir = r.path("cache-dir")
	cache := r.setting("cache")
	if items, from, given := r.raw(cache); given {
		dir := items[0][strings.LastIndexByte(items[0], ':')+1:]
		if r.Disk.Dir == "" && dir != "" {
			r.Disk.Dir = r.expand(dir, r.in.Home, from)
			r.set("cache-dir", r.Disk.Dir, from)
		}
		r.note("%s is taken as --cache-dir %s: there is no catfs here, the cache is bounded by --cache-size", from, dir)
	}
	if r.Disk.Dir == "" {
		r.Disk.Dir = defaultCacheDir(r.in, r.layers[0])
		r.set("cache-dir", r.Disk.Dir, Source{Kind: SourceDefault})
	}
	if abs, err := filepath.Abs(r.Disk.Dir); err == nil {
		r.Disk.Dir = abs
	}
	if info, err := os.Stat(r.Disk.Dir); err == nil && !info.IsDir() {
		r.problem(Problem{What: fmt.Sprintf("cannot keep local copies in %s: it is no folder", r.Disk.Dir),
			Hint: "give --cache-dir a folder on a local disk"})
	}
	r.Disk.Size = r.size("cache-size", 10<<30, 64<<20)
	r.Disk.Memory = r.size("memory-limit", DefaultMemory(MachineMemory()), 64<<20)
}

func defaultCacheDir(in Input, environ layer) string {
	if in.UID == 0 {
		return "/var/cache/sentientfs"
	}
	if dir, _, ok := environ.get("XDG_CACHE_HOME"); ok && filepath.IsAbs(dir) {
		return filepath.Join(dir, "sentientfs")
	}
	return filepath.Join(in.Home, ".cache", "sentientfs")
}

func (r *resolver) log() {
	r.Log = Log{Level: r.choice("log-level"), Format: r.choice("log-format"), File: r.path("log-file")}
	if r.Log.File != "" {
		if abs, err := filepath.Abs(r.Log.File); err == nil {
			r.Log.File = abs
		}
	}
	if r.Files.DebugFUSE || r.S3.Debug {
		r.Log.Level = "debug"
	}
}
