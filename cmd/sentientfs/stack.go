package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/sentient-agi/sentientfs/fs"
	"github.com/sentient-agi/sentientfs/internal/config"
	"github.com/sentient-agi/sentientfs/internal/content"
	"github.com/sentient-agi/sentientfs/internal/metacache"
	"github.com/sentient-agi/sentientfs/internal/object"
	"github.com/sentient-agi/sentientfs/internal/transfer"
	"github.com/sentient-agi/sentientfs/internal/uploadlog"
	"github.com/sentient-agi/sentientfs/s3backend"
)

// nodeShare is how many bytes of the memory limit there are for each file that the kernel may know. A node takes between
// one and two kilobytes.
const nodeShare = 8 << 10

// maxBuffers is the most memory of all transfers together, in bytes: six parts at once.
const maxBuffers = 48 << 20

// contentDir is the folder of the local content in the folder of a mount.
const contentDir = "content"

// A stack is everything below one mount, from the bucket up.
type stack struct {
	bucket  *s3backend.Store
	uploads *uploadlog.Log
	names   *metacache.Cache
	content *content.Store
	engine  *transfer.Engine
	traits  object.Traits
}

// openStack puts the layers of a mount on each other: the bucket, what is known of its names, the local content, and
// the transfers between them. It is the only place that knows of all of them.
func openStack(ctx context.Context, c *config.Config, log *slog.Logger, progress func(transfer.Progress)) (_ *stack, err error) {
	s := &stack{}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	debug.SetMemoryLimit(c.Disk.Memory)
	// Most of the heap are buffers that are used again: garbage as large as all of them would be memory for nothing.
	debug.SetGCPercent(50)
	if s.content, err = openContent(ctx, c, log); err != nil {
		return nil, err
	}
	if s.uploads, err = uploadlog.Open(filepath.Join(c.Folder(), "uploads")); err != nil {
		return nil, fail(codeCache, "give --cache-dir a folder on a local disk that you may write", "cannot use the cache folder: %v", err)
	}
	if s.bucket, err = openBucket(ctx, c, log, s.uploads); err != nil {
		return nil, err
	}
	if s.traits, err = s.bucket.Traits(ctx); err != nil {
		log.Warn("cannot find out which conditions the server honors: questions are asked instead", "error", err)
	}
	// Half of the memory is for bytes on their way, an eighth for names; the rest is the kernel's requests and Go's own.
	// A copy of 2 GiB stays below 150 MB with this much.
	s.names, err = metacache.New(s.bucket, metacache.Options{
		StatTTL: c.Fresh.Stat.For, TypeTTL: c.Fresh.Type.For, NegativeTTL: c.Fresh.Negative.For, ListTTL: c.Fresh.List.For,
		PosixMetadata: c.Files.PosixMetadata, ImplicitDirs: !c.Files.NoImplicitDir, Cheap: c.Files.Cheap,
		Dir: filepath.Join(c.Folder(), "names"), Memory: c.Disk.Memory / 8, Log: log,
	})
	if err != nil {
		return nil, fail(codeCache, "give --cache-dir a folder on a local disk", "cannot keep names in %s: %v", c.Folder(), err)
	}
	s.engine = transfer.New(transfer.Options{Store: s.names, Memory: min(c.Disk.Memory/2, maxBuffers), Traits: s.traits,
		Progress: progress, Log: log})
	return s, nil
}

// filesystem is what the kernel sees of the stack.
func (s *stack) filesystem(c *config.Config, log *slog.Logger) *fs.FS {
	prefix := 0
	if c.Prefix != "" {
		prefix = len(c.Prefix) + 1
	}
	return fs.New(fs.Options{
		Names: s.names, Content: s.content, Engine: s.engine, Traits: s.traits,
		UID: c.Files.UID, GID: c.Files.GID, FileMode: c.Files.FileMode, DirMode: c.Files.DirMode,
		FileModeFloor: c.Files.FileModeSet, DirModeFloor: c.Files.DirModeSet,
		PreserveOwner: c.Files.PreserveOwner, PosixMetadata: c.Files.PosixMetadata, ReadOnly: c.Files.ReadOnly,
		Symlinks: fs.SymlinkPolicy(c.Files.Symlinks), UseContentType: c.S3.UseContentType,
		StatTTL: c.Fresh.Stat.For, TypeTTL: c.Fresh.Type.For, NegativeTTL: c.Fresh.Negative.For, OpenTTL: c.Fresh.Open.For,
		Nodes: int(c.Disk.Memory / nodeShare), DirtyMaxAge: c.Fresh.DirtyMaxAge, PrefixLen: prefix, StateDir: filepath.Join(c.Folder(), "renames"), Log: log,
	})
}

// close ends the layers from the top down. What is not stored stays in the journal.
func (s *stack) close() error {
	var errs []error
	if s.engine != nil {
		s.engine.Close()
	}
	if s.names != nil {
		errs = append(errs, s.names.Close())
	}
	if s.content != nil {
		errs = append(errs, s.content.Close())
	}
	if s.bucket != nil {
		errs = append(errs, s.bucket.Close())
	}
	return errors.Join(errs...)
}

// abortCopies gives up the uploads of copies that a crash cut off.
func (s *stack) abortCopies(ctx context.Context, log *slog.Logger) {
	left, err := s.uploads.Pending()
	for _, u := range left {
		if e := s.bucket.ResumeUpload(u.Key, u.ID, object.PutOptions{}).Abort(ctx); e != nil {
			err = errors.Join(err, e)
			continue
		}
		err = errors.Join(err, s.uploads.Remove(u))
	}
	if err != nil {
		log.Warn("uploads of an earlier run could not be given up; the next start tries again", "error", err)
	}
}

func openBucket(ctx context.Context, c *config.Config, log *slog.Logger, uploads s3backend.UploadLog) (*s3backend.Store, error) {
	o := s3backend.Options{Bucket: c.Bucket, Prefix: c.Prefix, Region: c.S3.Region, Endpoint: c.S3.Endpoint,
		Profile: c.S3.Profile, Subdomain: c.S3.Subdomain, RequesterPays: c.S3.RequesterPays,
		StorageClass: c.S3.StorageClass, SSECKey: string(c.S3.SSEC), ACL: c.S3.ACL, HTTPTimeout: c.S3.HTTPTimeout,
		Version: version(), Log: log, Uploads: uploads}
	switch {
	case c.S3.SSEKMS != nil:
		o.SSE, o.SSEKMSKeyID = "aws:kms", *c.S3.SSEKMS
	case c.S3.SSE:
		o.SSE = "AES256"
	}
	if k := c.S3.Keys; k != nil {
		o.Credentials = &s3backend.Static{KeyID: k.ID, Secret: k.Secret, Token: k.Token}
	}
	if c.S3.Debug {
		o.Debug = log
	}
	for _, v := range c.Export {
		if err := os.Setenv(v.Name, v.Value); err != nil {
			return nil, fail(codeConfig, "", "cannot set %s: %v", v.Name, err)
		}
	}
	s, err := s3backend.Open(ctx, o)
	if err != nil {
		return nil, bucketFailure(c, err)
	}
	return s, nil
}

// bucketFailure says what is wrong with the bucket, by the kind of the error.
func bucketFailure(c *config.Config, err error) error {
	what := fmt.Sprintf("cannot use the bucket %s", c.Bucket)
	if c.S3.Endpoint != "" {
		what += " at " + c.S3.Endpoint
	}
	keys := "the keys of ~/.aws or of this machine"
	if c.S3.Keys != nil {
		keys = "the keys of " + c.S3.Keys.Source.String()
	}
	kind := object.KindOf(err)
	err = innermost(err)
	switch kind {
	case object.KindNoBucket, object.KindNotFound:
		return fail(codeBucket, "check the name (sentientfs config show tells where it came from), or make the bucket",
			"%s: there is no such bucket", what)
	case object.KindWrongRegion:
		return fail(codeBucket, "give the bucket's --region, or leave it out to have it found", "%s: it is in another region: %v", what, err)
	case object.KindDenied:
		return fail(codeCredentials, "check "+keys+", and that they may list, read and write this bucket", "%s: access is denied: %v", what, err)
	case object.KindClockSkew:
		return fail(codeCredentials, "set this machine's clock, for example with: timedatectl set-ntp true", "%s: the clock of this machine is wrong: %v", what, err)
	case object.KindUnavailable, object.KindTimeout, object.KindThrottled:
		return fail(codeNetwork, "check the network, --endpoint and HTTPS_PROXY", "%s: the server does not answer: %v", what, err)
	case object.KindInvalid:
		return fail(codeConfig, "see sentientfs config show", "%s: %v", what, err)
	}
	return fail(codeFailure, "run it with -f --debug_s3 to see each request", "%s: %v", what, err)
}

// innermost is the cause at the end of a chain: the server's or the system's own words, which a person can look up.
func innermost(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

// lockPatience is how long a mount waits for the one before it, which is gone from the tree a moment before it has
// closed its folder.
const lockPatience = 5 * time.Second

func openContent(ctx context.Context, c *config.Config, log *slog.Logger) (*content.Store, error) {
	var (
		locked *content.LockedError
		newer  *content.FormatError
		s      *content.Store
		err    error
	)
	for end := time.Now().Add(lockPatience); ; {
		s, err = content.Open(content.Options{Dir: filepath.Join(c.Folder(), contentDir), Size: c.Disk.Size, Log: log})
		if !errors.As(err, &locked) || time.Now().After(end) {
			break
		}
		select {
		case <-ctx.Done():
			return nil, fail(codeFailure, "", "stopped before the cache folder was free")
		case <-time.After(50 * time.Millisecond):
		}
	}
	switch {
	case err == nil:
		return s, nil
	case errors.As(err, &locked):
		return nil, fail(codeCache, fmt.Sprintf("it may be about to end; see ps -p %d, or give another --cache-dir", locked.PID),
			"cannot use the cache folder %s: process %d uses it", locked.Dir, locked.PID)
	case errors.As(err, &newer):
		return nil, fail(codeCache, "use that version, or give another --cache-dir", "%v", err)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return nil, fail(codeCache, "make room, or give another --cache-dir", "cannot use the cache folder %s: the disk is full", c.Folder())
	}
	return nil, fail(codeCache, "give --cache-dir a folder on a local disk that you may write", "cannot use the cache folder %s: %v", c.Folder(), err)
}
