package fs

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sentient-agi/sentientfs/internal/content"
	"github.com/sentient-agi/sentientfs/internal/metacache"
	"github.com/sentient-agi/sentientfs/internal/object"
	"github.com/sentient-agi/sentientfs/internal/transfer"
)

// Options are what a filesystem is made of and how it shows its files.
type Options struct {
	Names   *metacache.Cache // also the Store that everything is written through
	Content *content.Store
	Engine  *transfer.Engine
	Traits  object.Traits // what the server's conditions are worth

	UID, GID                    uint32 // owner of all files, unless PreserveOwner
	FileMode, DirMode           uint32 // permission bits of files and folders that have none stored
	FileModeFloor, DirModeFloor bool   // the modes were asked for: stored modes get these bits too
	PreserveOwner               bool   // show the stored owners
	PosixMetadata               bool   // keep and show mode, owner and mtime of each object
	ReadOnly                    bool
	Symlinks                    SymlinkPolicy
	UseContentType              bool // guess Content-Type from the name

	// How long an answer may be used, by path. Zero asks again each time.
	StatTTL, TypeTTL, NegativeTTL, OpenTTL func(path string) time.Duration
	// DirtyMaxAge is how long an append may stay unsent while its handle is open; 0 means until close.
	DirtyMaxAge time.Duration

	PrefixLen int // bytes of each key that the mounted prefix takes
	// Nodes is about how many files the kernel may know at once, 0 for any number: each takes memory here.
	Nodes int

	StateDir string // folder for records of directory renames; "" keeps none
	Log      *slog.Logger
}

// FS is one filesystem, mounted at most once.
type FS struct {
	opts  Options
	log   *slog.Logger
	store object.Store
	root  *dir

	pruner *pruner
	tree   sync.RWMutex // guards the places of all nodes
	names  nameLocks    // serializes what changes one name
	inos   atomic.Uint64

	mu      sync.Mutex
	pending map[*file]struct{} // files with bytes that are not stored, kept alive though the kernel forgot them
	answers map[answerKey]answer

	work   sync.WaitGroup // background stores
	ctx    context.Context
	cancel context.CancelFunc
}

// New makes a filesystem of its parts. Close it, or Unmount what Mount returned.
func New(o Options) *FS {
	ctx, cancel := context.WithCancel(context.Background())
	f := &FS{
		opts:    o,
		log:     o.Log,
		store:   o.Names,
		pending: map[*file]struct{}{},
		answers: map[answerKey]answer{},
		pruner:  newPruner(o.Nodes),
		ctx:     ctx,
		cancel:  cancel,
	}
	if f.log == nil {
		f.log = slog.New(slog.DiscardHandler)
	}
	f.inos.Store(1)
	f.root = &dir{entry: entry{fs: f, attr: attr{mode: f.dirMode(nil), uid: o.UID, gid: o.GID, mtime: time.Now()}}, marker: true}
	return f
}

// nextIno returns an inode number that was not used in this mount: a new version gets a new one, as a file that
// replaced another would have.
func (f *FS) nextIno() uint64 { return f.inos.Add(1) }
