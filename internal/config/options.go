package config

import "strings"

// SplitOptions splits the value of -o at its commas. A backslash takes the character behind it literally, as libfuse
// has it, so that a pattern may contain a comma. Empty items are left out.
func SplitOptions(list string) []string {
	var (
		items []string
		item  strings.Builder
	)
	flush := func() {
		if item.Len() > 0 {
			items = append(items, item.String())
			item.Reset()
		}
	}
	for i := 0; i < len(list); i++ {
		switch c := list[i]; {
		case c == '\\' && i+1 < len(list) && (list[i+1] == ',' || list[i+1] == '\\'):
			i++
			item.WriteByte(list[i])
		case c == ',':
			flush()
		default:
			item.WriteByte(c)
		}
	}
	flush()
	return items
}

// JoinOptions is the inverse of SplitOptions for items that are not empty.
func JoinOptions(items []string) string {
	quoted := make([]string, len(items))
	for i, item := range items {
		item = strings.ReplaceAll(item, `\`, `\\`)
		quoted[i] = strings.ReplaceAll(item, ",", `\,`)
	}
	return strings.Join(quoted, ",")
}

// An optionClass says who understands a mount option.
type optionClass int

const (
	optionUnknown optionClass = iota
	optionMount               // the kernel or fusermount3: passed on
	optionHelper              // mount(8), systemd or fstab: understood before us, left out
	optionOurs                // read here
	optionRefused             // against promise P9: mounts are nosuid and nodev always
)

// options are the words before an = that may stand in -o. Sources: mount(8) "filesystem-independent mount options",
// mount.fuse3(8).
var options = map[string]optionClass{
	"allow_other": optionMount, "allow_root": optionMount, "default_permissions": optionMount, "max_read": optionMount,
	"blksize": optionMount, "nosuid": optionMount, "nodev": optionMount, "noexec": optionMount, "exec": optionMount,
	"noatime": optionMount, "nodiratime": optionMount, "atime": optionMount, "relatime": optionMount,
	"strictatime": optionMount, "lazytime": optionMount, "sync": optionMount, "async": optionMount,
	"dirsync": optionMount, "auto_unmount": optionMount, "context": optionMount, "fscontext": optionMount,
	"defcontext": optionMount, "rootcontext": optionMount,

	"_netdev": optionHelper, "auto": optionHelper, "noauto": optionHelper, "nofail": optionHelper,
	"defaults": optionHelper, "user": optionHelper, "nouser": optionHelper, "users": optionHelper,
	"owner": optionHelper, "group": optionHelper, "comment": optionHelper,
	"fsname": optionHelper, "subtype": optionHelper, "dev": optionRefused, "suid": optionRefused,

	"ro": optionOurs, "rw": optionOurs, "uid": optionOurs, "gid": optionOurs, "nonempty": optionOurs,
}

func classify(option string) optionClass {
	name, _, _ := strings.Cut(option, "=")
	if strings.HasPrefix(name, "x-") || strings.HasPrefix(name, "X-") {
		return optionHelper
	}
	return options[name]
}
