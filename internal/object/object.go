package object

import (
	"context"
	"io"
	"time"
)

// A Store holds objects under keys, as one bucket (or one prefix of it) does. Keys are relative to what the Store was
// opened for: no key of it starts with the prefix of the mount.
//
// All methods may be called from many goroutines at once. A method returns when its answer is known or ctx ends; it
// retries what may be retried by itself, so that the caller never does. Every error is an *Error (see KindOf). A
// method that returns a nil error has done what it says: an answer that was cut, that carries an error in its body or
// that fails its checksum is an error.
//
// Extras are optional interfaces, found by type assertion: BatchDeleter, UploadLister, Prober.
type Store interface {
	// Head tells of one object, with its metadata. KindNotFound if there is none.
	Head(ctx context.Context, key string) (Info, error)

	// Get reads one object or a range of it. The caller closes the Reader, whose Info has the metadata. A range that
	// begins at or behind the end is KindRange. KindChanged or KindNotFound if IfMatch does not hold,
	// KindNotModified if IfNoneMatch does not.
	Get(ctx context.Context, key string, opts GetOptions) (*Reader, error)

	// List returns one page of names below a prefix. An empty page with More set is possible.
	List(ctx context.Context, opts ListOptions) (Page, error)

	// Put stores body under key in one piece and returns what is there now. KindExists if opts.IfNoneMatch found an
	// object, KindChanged if opts.IfMatch found another version, KindNotFound if it found none.
	Put(ctx context.Context, key string, body Body, opts PutOptions) (Info, error)

	// Copy copies an object of this store on the server. KindChanged or KindNotFound if the source is not
	// opts.SourceETag any more or a condition on the destination does not hold (KindExists for IfNoneMatch).
	// With the same key twice it replaces the metadata. Objects above 5 GiB are copied in parts by the Store.
	Copy(ctx context.Context, dst, src string, opts CopyOptions) (Info, error)

	// Delete removes an object. Without opts.IfMatch a missing object is no error; with it, KindNotFound or
	// KindChanged tell that the version is not there.
	Delete(ctx context.Context, key string, opts DeleteOptions) error

	// CreateUpload begins an object that is sent in parts. The conditions of opts hold when it is completed.
	CreateUpload(ctx context.Context, key string, opts PutOptions) (Upload, error)

	// ResumeUpload goes on with an upload that CreateUpload began, in this process or an earlier one. It asks nothing:
	// an upload that is gone is KindNotFound from the first part or from Complete.
	ResumeUpload(key, id string, opts PutOptions) Upload
}

// An Upload is an object that is sent in parts. PutPart and CopyPart may be called from many goroutines at once and a
// part may be sent again; Complete and Abort end it and are called once, after them.
type Upload interface {
	// ID is what ResumeUpload takes.
	ID() string

	// PutPart sends part number n, 1 to 10,000; every part but the last has at least 5 MiB.
	PutPart(ctx context.Context, n int, body Body) (Part, error)

	// CopyPart makes part number n of size bytes from off of an object of this store, on the server.
	// KindChanged or KindNotFound if the source is not the version etag any more.
	CopyPart(ctx context.Context, n int, src, etag string, off, size int64) (Part, error)

	// Complete makes the object of the parts, in the order of their numbers, and returns what is there now.
	// Conditions fail as in Put. KindNotFound with ErrNoUpload if the upload is gone.
	Complete(ctx context.Context, parts []Part) (Info, error)

	// Abort gives the parts up. An upload that is gone already is no error.
	Abort(ctx context.Context) error
}

// BatchDeleter is a Store that removes many objects in one request, without conditions.
type BatchDeleter interface {
	// DeleteMany removes up to 1,000 keys. The map has an error for each key that was not removed; the error is for a
	// request that failed as a whole. A missing object counts as removed.
	DeleteMany(ctx context.Context, keys []string) (map[string]error, error)
}

// UploadLister is a Store that tells of uploads that were begun and not ended.
type UploadLister interface {
	// ListUploads returns the uploads below prefix, at most 1,000.
	ListUploads(ctx context.Context, prefix string) ([]PendingUpload, error)
}

// PendingUpload is an upload that was begun and not ended, by whomever.
type PendingUpload struct {
	Key, ID string
	Started time.Time
}

// Prober is a Store that can find out what its server honours.
type Prober interface {
	// Traits returns what the server does, asked once and then remembered. Before the question was answered every
	// trait is taken as not given.
	Traits(ctx context.Context) (Traits, error)
}

// Traits says which conditions a server refuses honestly when they do not hold. What it ignores must be replaced by a
// question beforehand (a HEAD), which narrows the race but does not close it.
type Traits struct {
	PutIfMatch          bool // PUT with If-Match
	PutIfNoneMatch      bool // PUT with If-None-Match: *
	CompleteIfMatch     bool // CompleteMultipartUpload with If-Match
	CompleteIfNoneMatch bool // CompleteMultipartUpload with If-None-Match: *
	CopySourceIfMatch   bool // CopyObject with x-amz-copy-source-if-match
	CopyIfMatch         bool // CopyObject with If-Match on the destination
	DeleteIfMatch       bool // DeleteObject with If-Match
	BatchDeleteIfMatch  bool // DeleteObjects with an ETag for each key
}

// Info is what a Store tells of one object.
type Info struct {
	Key  string
	Size int64 // bytes
	// ETag names the content, without the quotes of HTTP. It is opaque, and "" where it is not known.
	ETag string
	// LastModified has a resolution of one second. A copy onto itself changes it and may leave the ETag.
	LastModified time.Time
	// Metadata is the user's metadata with keys in lower case and without x-amz-meta-. It is nil where it is not
	// known, as in a listing, and not nil but empty where the object has none.
	Metadata    map[string]string
	ContentType string // "" where not known
	// CRC64NVME is the checksum of the whole content where the server told it, else nil.
	CRC64NVME *uint64
}

// SameContent tells whether i and j are one version of the content: the same ETag and size.
func (i Info) SameContent(j Info) bool {
	return i.ETag != "" && i.ETag == j.ETag && i.Size == j.Size
}

// SameObject tells whether i and j are one version with one set of metadata, as far as S3 lets one see it.
func (i Info) SameObject(j Info) bool {
	return i.SameContent(j) && i.LastModified.Equal(j.LastModified)
}

// Empty tells whether the object has no bytes. The ETag of an empty object does not tell versions apart.
func (i Info) Empty() bool { return i.Size == 0 }

// GetOptions say what of an object is wanted.
type GetOptions struct {
	// Offset and Length are in bytes. Length 0 means to the end; Offset 0 and Length 0 read the whole object, whose
	// checksum the Reader then verifies where the server has one of the whole.
	Offset, Length int64
	IfMatch        string // only this ETag
	IfNoneMatch    string // only another ETag
}

// A Reader is the answer of Get. Read returns an *Error of KindCorrupt where the bytes end early or fail their
// checksum; whole reads never end with io.EOF before that was seen to hold.
type Reader struct {
	io.ReadCloser
	Info Info // of the whole object, also for a range
}

// ListOptions say which names are wanted.
type ListOptions struct {
	Prefix     string
	Delimiter  string // "" or "/"
	StartAfter string // only keys behind this one; not together with Token
	Token      string // Page.Next of the page before
	Limit      int    // most names of a page, 1 to 1,000; 0 means 1,000
}

// Page is a part of a listing, in the order of the keys' bytes. Infos have no Metadata.
type Page struct {
	Objects  []Info
	Prefixes []string // what ends in Delimiter, each once
	More     bool
	Next     string // the Token of the next page
}

// PutOptions say how an object is stored. At most one of the conditions is set.
type PutOptions struct {
	Metadata    map[string]string // at most 2 KB of keys and values together (S3's limit)
	ContentType string            // "" lets the store choose
	IfMatch     string            // only over this ETag
	IfNoneMatch bool              // only where no object is
}

// CopyOptions say how an object is copied.
type CopyOptions struct {
	SourceETag  string            // only this version of the source; "" takes any
	Metadata    map[string]string // nil keeps what the source has
	ContentType string            // with Metadata; "" lets the store choose
	IfMatch     string            // only over this ETag of the destination
	IfNoneMatch bool              // only where no destination is
	Source      *Info             // what is known of the source, which saves a question; nil if nothing is
}

// DeleteOptions say what may be removed.
type DeleteOptions struct {
	IfMatch string // only this ETag
}

// A Part is what Complete needs to know of a part.
type Part struct {
	Number    int    `json:"n"`
	ETag      string `json:"etag"`
	Size      int64  `json:"size"`
	CRC64NVME uint64 `json:"crc"` // of this part's bytes
}

// Body is what Put and PutPart send. It is read from the start as often as an attempt needs it, by one goroutine at a
// time.
type Body interface {
	io.ReaderAt
	Size() int64
}
