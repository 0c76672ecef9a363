// Package recover kills mounts with files in their journals and brings the files back with `sentientfs recover`: into
// the bucket, under their own name or another, or onto this machine, with the mount running and without it.
//
// A case must never depend on what a later mount uploads by itself: it looks at the records that need a person.
package recover
