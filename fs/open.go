package fs

import (
	"context"
	"io"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/sentient-agi/sentientfs/internal/content"
	"github.com/sentient-agi/sentientfs/internal/metacache"
	"github.com/sentient-agi/sentientfs/internal/object"
)

var _ fusefs.NodeOpener = (*file)(nil)

// firstBytes is how much of a file the question of an open brings along: a small file is one request.
const firstBytes = 1 << 20

// Open opens the file. Where the version of the node may not be the present one, S3 is asked first; if it is not,
// ESTALE makes the kernel look the name up again and open the new version's node.
func (f *file) Open(ctx context.Context, flags uint32) (fusefs.FileHandle, uint32, syscall.Errno) {
	writes := flags&syscall.O_ACCMODE != syscall.O_RDONLY
	truncates := flags&syscall.O_TRUNC != 0
	if (writes || truncates) && f.fs.opts.ReadOnly {
		return nil, 0, syscall.EROFS
	}
	path, named := f.path()
	if !named && !f.openable() {
		return nil, 0, syscall.ESTALE
	}
	if named && f.mustAsk(path, flags) {
		if errno := f.current(ctx, path); errno != 0 {
			return nil, 0, errno
		}
	}
	h, errno := f.newHandle(path, named, flags)
	if errno != 0 {
		return nil, 0, errno
	}
	if truncates {
		if errno := f.resize(h, path, 0, true); errno != 0 {
			h.Release(ctx)
			return nil, 0, errno
		}
		return h, 0, 0
	}
	// Pages of an inode are those of its version, whatever was opened or closed meanwhile.
	return h, fuse.FOPEN_KEEP_CACHE, 0
}

// openable tells whether a node without a name may be opened, as /proc/self/fd does with a removed file that is open.
// One that was replaced elsewhere may not: the name has a newer version.
func (f *file) openable() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.unlinked && f.handles > 0
}

// mustAsk tells whether an open has to ask S3 which version is there. It has not while this machine writes the file,
// nor where old content cannot be seen: O_TRUNC replaces it, and what O_APPEND adds goes behind what is there when it
// is stored.
func (f *file) mustAsk(path string, flags uint32) bool {
	if flags&syscall.O_TRUNC != 0 || flags&syscall.O_APPEND != 0 && flags&syscall.O_ACCMODE == syscall.O_WRONLY {
		return false
	}
	ttl := f.fs.opts.OpenTTL(path)
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.busyLocked() && (ttl <= 0 || time.Since(f.checked) > ttl)
}

// current asks S3 whether the node's version is the present one, in the request that fetches the first bytes where
// they are not here. ESTALE if it is not.
func (f *file) current(ctx context.Context, path string) syscall.Errno {
	asked := time.Now()
	if f.takeVerdict(ctx) {
		return 0
	}
	data, err := f.hold(path)
	if err != nil {
		return f.fs.errno("open", path, err)
	}
	defer data.Release()
	info, body, err := f.ask(path, data)
	if err != nil {
		if object.Is(err, object.KindNotFound) {
			return syscall.ESTALE // the kernel looks the name up again and finds nothing
		}
		return f.fs.errno("open", path, err)
	}
	if body != nil {
		defer body.Close()
	}
	if f.refresh(path, metacache.Entry{Info: info}, asked) {
		f.mu.Lock()
		f.checked = asked
		f.mu.Unlock()
		f.keepFirst(data, info, body)
		return 0
	}
	f.keepOther(path, info, body)
	f.fs.leaveAnswer(ctx, path, info, asked)
	return syscall.ESTALE
}

// hold returns the local bytes of the node's version with a reference of the caller's own.
func (f *file) hold(path string) (*content.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.data != nil {
		return f.data.Acquire(), nil
	}
	return f.fs.opts.Content.Version(f.versionLocked(path))
}

// ask asks for the object's version. The body is nil where the first bytes are here already.
func (f *file) ask(path string, data *content.File) (object.Info, *object.Reader, error) {
	f.mu.Lock()
	size := f.info.Size
	f.mu.Unlock()
	want := min(size, firstBytes)
	if want == 0 || len(data.Missing(0, want)) == 0 {
		info, err := f.fs.store.Head(f.fs.ctx, path)
		return info, nil, err
	}
	opts := object.GetOptions{}
	if size > firstBytes {
		opts.Length = firstBytes
	}
	body, err := f.fs.store.Get(f.fs.ctx, path, opts)
	if object.Is(err, object.KindRange) { // it became empty
		info, err := f.fs.store.Head(f.fs.ctx, path)
		return info, nil, err
	}
	if err != nil {
		return object.Info{}, nil, err
	}
	return body.Info, body, nil
}

// keepFirst puts the first bytes, which came with the answer, into the local copy. When that fails they are fetched
// again by the reads.
func (f *file) keepFirst(data *content.File, info object.Info, body *object.Reader) {
	if body == nil {
		return
	}
	v, _, ok := data.Base()
	if !ok || v.ETag != info.ETag || v.Size != info.Size {
		return // the node went on to a longer version meanwhile
	}
	if info.Size > firstBytes { // else the end is read, where the checksum is verified
		body.ReadCloser = limit(body.ReadCloser, firstBytes)
	}
	if err := f.fs.opts.Engine.FillFirst(data, body, 0); err != nil {
		f.log().Debug("first bytes not kept", "path", info.Key, "err", err)
	}
}

// keepOther keeps the first bytes of a version that is not the node's, for the node that the kernel's next lookup makes.
func (f *file) keepOther(path string, info object.Info, body *object.Reader) {
	if body == nil {
		return
	}
	v := content.Version{Key: path, ETag: info.ETag, Size: info.Size, LastModified: info.LastModified}
	data, err := f.fs.opts.Content.Version(v)
	if err != nil {
		return
	}
	f.keepFirst(data, info, body)
	data.Release()
}

// takeVerdict tells whether this thread's own lookup, as part of the same open, just found the version of the node by
// the answer that an open left.
func (f *file) takeVerdict(ctx context.Context) bool {
	pid, ok := caller(ctx)
	if !ok {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.verdict.pid != pid || time.Since(f.verdict.asked) > answerLife {
		return false
	}
	f.checked = f.verdict.asked
	f.verdict = verdict{}
	return true
}

// limit cuts a body after n bytes.
func limit(body io.ReadCloser, n int64) io.ReadCloser {
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(body, n), body}
}
