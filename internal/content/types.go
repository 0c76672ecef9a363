package content

import (
	"time"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// A Version is one content of one object. Key, ETag and Size name it; LastModified goes along.
type Version struct {
	Key, ETag    string
	Size         int64 // bytes
	LastModified time.Time
}

// same tells whether v and w are one content.
func (v Version) same(w Version) bool { return v.Key == w.Key && v.ETag == w.ETag && v.Size == w.Size }

// An Intent says what a dirty file wants to be in the bucket, and so under which condition it is stored.
type Intent int

// The intents.
const (
	IntentNone    Intent = iota
	IntentNew            // nothing may be there
	IntentReplace        // takes the place of whatever is there
	IntentAppend         // the base, whatever it is by then, and behind it what is here from AppendFrom on
	IntentEdit           // a change within the base, which must still be there
)

// A Target says where and how a file is stored.
type Target struct {
	Key         string
	Intent      Intent
	AppendFrom  int64             // bytes; for IntentAppend
	Metadata    map[string]string // of the object, as object.PutOptions has it
	ContentType string
}

// An Upload is a multipart upload that was begun for a file.
type Upload struct {
	Key, ID  string
	Nonce    string // what the object will carry to be recognized by; "" where it was not noted
	PartSize int64  // bytes
	Parts    []SentPart
}

// A Try is a store of a file whose request was sent or was about to be, and of which no answer is known.
type Try struct {
	Nonce string // which the object carries if the request was carried out
	Gen   uint64 // of the file as it was sent; 0 where it changed before the try was noted
	Size  int64  // bytes, of the file as it was sent
	Tail  bool   // only the tail was sent: it went behind other bytes than the file has
}

// A SentPart is a part of an Upload that the bucket has and whose bytes are still the file's.
type SentPart struct {
	object.Part
	Off int64 // where in the file the part begins, in bytes
}

// end is the first byte behind the part.
func (p SentPart) end() int64 { return p.Off + p.Size }

// The states of a Record.
const (
	StateOpen     = "open"     // the writer was not done: the bytes may be a part of what was to be
	StateClosed   = "closed"   // the writer closed it (File.Closed), and nothing was written since
	StateConflict = "conflict" // cannot be stored without a person's decision, for Reason
)

// A Record is what the journal knows of a dirty file.
type Record struct {
	ID, Key     string
	Target      Target
	Base        Version
	HasBase     bool
	Limit, Size int64 // bytes
	Dirty       []Range
	Upload      *Upload
	State       string
	Reason      string // for StateConflict
	Changed     time.Time
}

// Usage is what the store holds on disk.
type Usage struct {
	Clean, Dirty           int64 // bytes
	CleanFiles, DirtyFiles int
	Budget                 int64 // bytes
}
