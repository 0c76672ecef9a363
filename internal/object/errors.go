package object

import (
	"context"
	"errors"
	"fmt"
)

// A Kind says what an error means for the caller. One table in fs makes errno values of them.
type Kind int

// The kinds. A Store returns no other error than one of these.
const (
	KindUnknown     Kind = iota // nothing more is known; treated as KindUnavailable by users
	KindNotFound                // no such object or upload
	KindNoBucket                // the bucket itself is missing
	KindExists                  // an object is there and none was to be
	KindChanged                 // another version is there than the one asked for
	KindNotModified             // the version is the one that the caller has
	KindDenied                  // credentials are refused or lack a permission
	KindThrottled               // told to slow down, to the end of the retries
	KindQuota                   // the store is full
	KindUnavailable             // no answer or a failure of the server, to the end of the retries
	KindTimeout                 // no progress within the time allowed
	KindCorrupt                 // bytes or an answer are not what they should be
	KindRange                   // the range begins behind the end
	KindTooLarge                // more bytes, parts or metadata than the store takes
	KindInvalid                 // the store takes no such key or request
	KindUnsupported             // the server does not implement it
	KindClockSkew               // the clocks of client and server are too far apart
	KindWrongRegion             // the bucket is elsewhere
	KindCanceled                // the caller's context ended
)

var kindNames = [...]string{"unknown error", "not found", "no such bucket", "exists", "changed", "not modified",
	"access denied", "throttled", "quota exceeded", "unavailable", "timed out", "corrupt", "range not satisfiable",
	"too large", "invalid", "not supported", "clock skew", "wrong region", "canceled"}

func (k Kind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return fmt.Sprintf("kind %d", int(k))
	}
	return kindNames[k]
}

// ErrNoUpload is in the chain of an error that tells that a multipart upload is gone, as after an abort or a
// completion whose answer was lost.
var ErrNoUpload = errors.New("no such upload")

// An Error is what every Store answers when something went wrong.
type Error struct {
	Op   string // the request in the field's words, such as "GetObject"
	Key  string
	Kind Kind
	Err  error // the cause; may be nil
}

func (e *Error) Error() string {
	msg := e.Op
	if e.Key != "" {
		msg += fmt.Sprintf(" %q", e.Key)
	}
	msg += ": " + e.Kind.String()
	if e.Err != nil {
		msg += ": " + e.Err.Error()
	}
	return msg
}

func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of err: that of the outermost *Error in its chain, KindCanceled or KindTimeout for a
// context's own errors, KindUnknown for all others. It must not be asked about a nil error.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	if errors.Is(err, context.Canceled) {
		return KindCanceled
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return KindTimeout
	}
	return KindUnknown
}

// Is tells whether err is an error of one of the kinds. A nil error is of none.
func Is(err error, kinds ...Kind) bool {
	if err == nil {
		return false
	}
	k := KindOf(err)
	for _, want := range kinds {
		if k == want {
			return true
		}
	}
	return false
}
