package content

import "fmt"

// A LockedError tells that another process uses the folder.
type LockedError struct {
	Dir string
	PID int // 0 if not known
}

func (e *LockedError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("cannot use the cache folder %s: another process uses it", e.Dir)
	}
	return fmt.Sprintf("cannot use the cache folder %s: process %d uses it", e.Dir, e.PID)
}

// A FormatError tells that a newer binary wrote the folder or one of its records. Nothing was changed.
type FormatError struct {
	Dir        string
	Have, Want int // the format that is there; the newest that this binary knows
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("cannot use the cache folder %s: it has format %d, made by a newer sentientfs; this one knows format %d",
		e.Dir, e.Have, e.Want)
}

// A MissingError tells that bytes of a file are not on the local disk.
type MissingError struct {
	Range Range // the first such bytes, within what was asked for
	Sent  bool  // written, sent as a part and freed by PunchSent: they can be had again only once the upload is complete
	Lost  bool  // written, and lost with the power before a Sync: they can be had nowhere
}

func (e *MissingError) Error() string {
	where := "are not local"
	switch {
	case e.Sent:
		where = "were sent and freed"
	case e.Lost:
		where = "were lost in a power failure"
	}
	return fmt.Sprintf("bytes %d to %d %s", e.Range.Off, e.Range.End(), where)
}
