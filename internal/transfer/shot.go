package transfer

import (
	"crypto/rand"
	"encoding/hex"
	"maps"

	"github.com/sentient-agi/sentientfs/internal/content"
	"github.com/sentient-agi/sentientfs/internal/object"
)

// The keys of the metadata that this package adds to objects. They take at most 700 of the 2,048 bytes that S3 allows.
const (
	// MetaExtendsETag and MetaExtendsSize tell of an object that was made by an append which version it extends: its
	// first bytes are those of that version. They are believed because the request that stored it was conditional.
	MetaExtendsETag = "sentientfs-extends-etag"
	MetaExtendsSize = "sentientfs-extends-size"
	// MetaExtendsChain has what that version extended in turn, newest first: sizes in bytes and the begins of ETags.
	MetaExtendsChain = "sentientfs-extends-chain"
	// MetaWrite is a random number of the store that made the object, by which a lost answer is recognized.
	MetaWrite = "sentientfs-write"
)

// A condition says what must be there for a store to happen: this ETag, nothing, or, if it is zero, anything.
type condition struct {
	etag string
	none bool
}

// A decision is what a store is to be other than what the file says: whoever decides has looked at what is there.
type decision struct {
	condition
	key   string // "" is the file's own
	whole bool   // all bytes are sent, none copied from the base, which may be gone
}

// A shot is what is known of a file at one generation: what a store stores.
type shot struct {
	gen     uint64
	size    int64
	target  content.Target
	base    content.Version
	limit   int64
	based   bool
	changed []content.Range
	appends bool  // the bytes of [from, size) go behind whatever is there
	from    int64 // where the bytes of an append begin
	cond    condition
	dirty   bool
}

// shoot takes a shot of the file and tells the job so. The generation is read first and last: only a shot during which
// nothing happened is one.
func (st *state) shoot(j *job, late *decision) shot {
	for {
		s := shot{gen: st.f.Generation()}
		s.size, s.target, s.dirty = st.f.Size(), st.f.Target(), st.f.Dirty()
		s.base, s.limit, s.based = st.f.Base()
		s.changed = st.f.DirtyRanges()
		if st.f.Generation() != s.gen {
			continue
		}
		s.decide()
		if late != nil {
			s.obey(*late)
		}
		st.mu.Lock()
		j.gen = s.gen
		st.mu.Unlock()
		return s
	}
}

// decide finds the condition of the store. A file that was stored before is from then on a change of what was stored,
// whatever it was meant to be at first, unless nothing of that is left.
func (s *shot) decide() {
	if !s.based {
		s.limit = 0
	}
	switch {
	case s.target.Intent == content.IntentAppend && !s.inPlace():
		s.appends, s.from = true, max(s.target.AppendFrom, s.limit)
		s.cond = condition{etag: s.base.ETag, none: !s.based}
	case s.target.Intent == content.IntentReplace && s.limit == 0:
	case s.based && s.base.Key != s.target.Key:
		// The name was given to it before it was stored, and with that the place of what had the name.
	default:
		s.cond = condition{etag: s.base.ETag, none: !s.based}
	}
}

// obey makes s what was decided.
func (s *shot) obey(d decision) {
	s.cond = d.condition
	if d.key != "" {
		s.target.Key = d.key
	}
	if d.whole {
		s.limit, s.appends, s.from = 0, false, 0
	}
}

// inPlace tells whether bytes of the base were changed or cut off.
func (s *shot) inPlace() bool {
	if s.based && s.limit < s.base.Size {
		return true
	}
	return len(s.changed) > 0 && s.changed[0].Off < s.limit
}

// behind tells whether an append has to go behind other bytes than those that the file has before its tail.
func (s *shot) behind() bool { return s.appends && s.from != s.limit }

// nothing tells whether there is nothing to store.
func (s *shot) nothing() bool {
	return s.based && !s.dirty || s.behind() && s.from >= s.size
}

// put returns the options of the request that stores s with a nonce.
func (s *shot) put(nonce string) object.PutOptions {
	o := object.PutOptions{ContentType: s.target.ContentType, IfMatch: s.cond.etag, IfNoneMatch: s.cond.none,
		Metadata: s.metadata(nonce)}
	if s.appends && s.based && s.cond.etag == s.base.ETag && !s.behind() {
		extend(o.Metadata, s.base.ETag, s.base.Size, s.target.Metadata)
	}
	return o
}

// metadata returns the target's, without what earlier stores of the object added.
func (s *shot) metadata(nonce string) map[string]string {
	m := make(map[string]string, len(s.target.Metadata)+3)
	maps.Copy(m, s.target.Metadata)
	delete(m, MetaExtendsETag)
	delete(m, MetaExtendsSize)
	delete(m, MetaExtendsChain)
	m[MetaWrite] = nonce
	return m
}

// maxTries is how many stores without an answer are remembered: more than can still be on their way.
const maxTries = 32

// An attempt is a store whose request was sent and whose outcome may be unknown.
type attempt struct {
	nonce string // "" for an upload whose nonce the journal does not have
	shot  shot
	tail  bool            // only the tail is of the file: it went behind other bytes
	early *content.Target // what the metadata were when the upload began; nil if those of the shot
}

// resumed tells whether the upload was begun by an earlier process, whose nonce nobody knows.
func (a attempt) resumed() bool { return a.nonce == "" && a.early != nil }

// try notes a new attempt, here and in the journal, until the file is settled. It comes before the request and before
// the bytes are read: what was written before the note is sent then.
func (st *state) try(a attempt) (attempt, error) {
	if a.nonce != "" {
		err := st.f.Tried(content.Try{Nonce: a.nonce, Gen: a.shot.gen, Size: a.shot.size, Tail: a.tail})
		if err != nil {
			return a, err
		}
	}
	st.remember(a)
	return a, nil
}

func (st *state) remember(a attempt) {
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, old := range st.tries {
		// Which of two stores with one upload was carried out cannot be told. Of the older one, all that was written
		// since is stored again, which is right for both.
		if old.nonce == a.nonce {
			return
		}
	}
	if len(st.tries) == maxTries {
		st.tries = append(st.tries[:0], st.tries[1:]...)
	}
	st.tries = append(st.tries, a)
}

// recall takes the attempts of earlier processes from the journal. An append whose bytes the journal cannot tell is
// left out: what was written since could be appended twice. Of all else, everything is stored again then.
func (st *state) recall() {
	target := st.f.Target()
	upload, _ := st.f.Upload()
	for _, t := range st.f.Tries() {
		if t.Gen == 0 && target.Intent == content.IntentAppend {
			continue
		}
		a := attempt{nonce: t.Nonce, tail: t.Tail, shot: shot{gen: t.Gen, size: t.Size, target: target}}
		if upload.Nonce == t.Nonce {
			a.early = &content.Target{ContentType: unknownType}
		}
		st.remember(a)
	}
}

// newNonce returns a number that no other store has.
func newNonce() string {
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails, see crypto/rand
	return hex.EncodeToString(random[:])
}

// tried returns the attempt that made the object, nil if none of this file did.
func (st *state) tried(info object.Info) *attempt {
	nonce := info.Metadata[MetaWrite]
	if nonce == "" {
		return nil
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, a := range st.tries {
		if a.nonce == nonce {
			return &a
		}
	}
	return nil
}

// untry forgets all attempts: the file is settled.
func (st *state) untry() {
	st.mu.Lock()
	st.tries = nil
	st.mu.Unlock()
}
