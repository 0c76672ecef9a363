package fs

import (
	"context"
	"errors"
	"log/slog"
	"syscall"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// errnos says what the kernel is told of each kind of error, and how loud the log is. Nothing maps to EINTR or
// EAGAIN, which programs try again in a tight loop.
var errnos = map[object.Kind]struct {
	errno syscall.Errno
	level slog.Level
}{
	object.KindUnknown:     {syscall.EIO, slog.LevelError},
	object.KindNotFound:    {syscall.ENOENT, slog.LevelDebug},
	object.KindNoBucket:    {syscall.EIO, slog.LevelError},
	object.KindExists:      {syscall.EEXIST, slog.LevelDebug},
	object.KindChanged:     {syscall.ESTALE, slog.LevelInfo},
	object.KindNotModified: {syscall.EIO, slog.LevelError},
	object.KindDenied:      {syscall.EACCES, slog.LevelWarn},
	object.KindThrottled:   {syscall.EIO, slog.LevelWarn},
	object.KindQuota:       {syscall.EDQUOT, slog.LevelWarn},
	object.KindUnavailable: {syscall.EIO, slog.LevelWarn},
	object.KindTimeout:     {syscall.EIO, slog.LevelWarn},
	object.KindCorrupt:     {syscall.EIO, slog.LevelError},
	object.KindRange:       {syscall.EIO, slog.LevelError},
	object.KindTooLarge:    {syscall.ENOSPC, slog.LevelWarn},
	object.KindInvalid:     {syscall.EINVAL, slog.LevelInfo},
	object.KindUnsupported: {syscall.EOPNOTSUPP, slog.LevelWarn},
	object.KindClockSkew:   {syscall.EIO, slog.LevelError},
	object.KindWrongRegion: {syscall.EIO, slog.LevelError},
	object.KindCanceled:    {syscall.EIO, slog.LevelDebug},
}

// errno returns what the kernel is told of err and logs it with the operation and path that failed.
func (f *FS) errno(op, path string, err error) syscall.Errno {
	if err == nil {
		return 0
	}
	var e syscall.Errno
	var remote *object.Error                            // which may have a syscall.Errno of the network as its cause
	if !errors.As(err, &remote) && errors.As(err, &e) { // of the local disk
		if e != syscall.ENOSPC {
			f.log.Error("local disk failed", "op", op, "path", path, "err", err)
			return syscall.EIO
		}
		f.log.Warn("no room on the local disk", "op", op, "path", path, "err", err)
		return e
	}
	row, ok := errnos[object.KindOf(err)]
	if !ok {
		row = errnos[object.KindUnknown]
	}
	f.log.Log(context.Background(), row.level, "request failed", "op", op, "path", path, "err", err, "errno", row.errno)
	return row.errno
}
