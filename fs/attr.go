package fs

import (
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// The keys of s3fs for what POSIX has and S3 has not (s3fs-fuse, src/metaheader.cpp). Values are decimal; mode has the
// file type in it; times are seconds with an optional fraction.
const (
	metaMode  = "mode"
	metaUID   = "uid"
	metaGID   = "gid"
	metaMtime = "mtime"
	metaXattr = "xattr"
)

// attr are the attributes of a node.
type attr struct {
	mode     uint32 // type and permission bits
	uid, gid uint32
	size     int64
	mtime    time.Time
	ctime    time.Time // the later of mtime and the last change that this mount knows of
}

// fill writes the attributes for the kernel. There is no atime: it shows mtime.
func (a *attr) fill(out *fuse.Attr) {
	out.Mode = a.mode
	out.Owner = fuse.Owner{Uid: a.uid, Gid: a.gid}
	out.Size = uint64(a.size)
	out.Blocks = (out.Size + 511) / 512
	out.Blksize = 128 << 10
	out.Nlink = 1
	if a.mode&syscall.S_IFMT == syscall.S_IFDIR {
		out.Nlink = 2
	}
	mtime, ctime := a.mtime, a.ctime
	if ctime.Before(mtime) {
		ctime = mtime
	}
	out.SetTimes(&mtime, &mtime, &ctime)
}

// attrOf reads the attributes of an object as this mount shows them. What is not stored, not known or not wanted comes
// from the options.
func (f *FS) attrOf(info object.Info, isDir bool) attr {
	a := attr{uid: f.opts.UID, gid: f.opts.GID, size: info.Size, mtime: info.LastModified, ctime: info.LastModified}
	var meta map[string]string
	if f.opts.PosixMetadata {
		meta = info.Metadata
	}
	if isDir {
		a.mode, a.size = f.dirMode(meta), 0
	} else {
		a.mode = f.fileMode(meta)
	}
	if f.opts.PreserveOwner {
		if id, ok := parseUint(meta[metaUID], 32); ok {
			a.uid = uint32(id)
		}
		if id, ok := parseUint(meta[metaGID], 32); ok {
			a.gid = uint32(id)
		}
	}
	if t, ok := parseTime(meta[metaMtime]); ok {
		a.mtime = t
	}
	return a
}

func (f *FS) dirMode(meta map[string]string) uint32 {
	perm := f.opts.DirMode
	if m, ok := parseUint(meta[metaMode], 32); ok {
		perm = uint32(m) & 0o7777
		if f.opts.DirModeFloor {
			perm |= f.opts.DirMode
		}
	}
	return syscall.S_IFDIR | perm&0o7777
}

func (f *FS) fileMode(meta map[string]string) uint32 {
	typ, perm := uint32(syscall.S_IFREG), f.opts.FileMode
	if m, ok := parseUint(meta[metaMode], 32); ok {
		perm = uint32(m) & 0o7777
		switch t := uint32(m) & syscall.S_IFMT; t {
		case syscall.S_IFLNK:
			return t | 0o777
		case syscall.S_IFIFO, syscall.S_IFSOCK:
			typ = t
		}
		if f.opts.FileModeFloor {
			perm |= f.opts.FileMode
		}
	}
	return typ | perm&0o7777
}

// withAttr returns meta with the attributes of a in it; the rest stays. So does a stored owner, which may not be the
// one that is shown: Setattr changes it in meta. Where none is stored, the one that is shown is, so that another machine
// with --preserve-owner sees it.
func withAttr(meta map[string]string, a attr) map[string]string {
	out := make(map[string]string, len(meta)+4)
	for k, v := range meta {
		out[k] = v
	}
	out[metaMode] = strconv.FormatUint(uint64(a.mode), 10)
	if _, ok := out[metaUID]; !ok {
		out[metaUID] = strconv.FormatUint(uint64(a.uid), 10)
	}
	if _, ok := out[metaGID]; !ok {
		out[metaGID] = strconv.FormatUint(uint64(a.gid), 10)
	}
	out[metaMtime] = formatTime(a.mtime)
	return out
}

func parseUint(s string, bits int) (uint64, bool) {
	v, err := strconv.ParseUint(s, 10, bits)
	return v, err == nil
}

// parseTime reads seconds since 1970 with up to nine digits of a fraction.
func parseTime(s string) (time.Time, bool) {
	whole, frac, _ := strings.Cut(s, ".")
	sec, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return time.Time{}, false
	}
	frac = (frac + "000000000")[:9]
	nsec, err := strconv.ParseUint(frac, 10, 32)
	if err != nil {
		return time.Time{}, false
	}
	return time.Unix(sec, int64(nsec)), true
}

func formatTime(t time.Time) string {
	s := strconv.FormatInt(t.Unix(), 10)
	if ns := t.Nanosecond(); ns != 0 {
		frac := strconv.Itoa(1e9 + ns)[1:]
		s += "." + strings.TrimRight(frac, "0")
	}
	return s
}
