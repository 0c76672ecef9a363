// Package object is the vocabulary in which the filesystem speaks of a bucket: the Store that holds objects, the
// facts that it tells of them, and the kinds of error that it answers with.
//
// It must never know S3, HTTP or FUSE: whoever implements a Store translates into these words, and whoever uses one
// decides by them alone. It must never read the text of an error.
package object
