package object

import "bytes"

// Bytes makes a Body of a slice, which must not change while it is in use.
func Bytes(b []byte) Body { return bytes.NewReader(b) }
