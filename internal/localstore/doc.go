// Package localstore is an S3 server inside this process: versitygw over a local folder. It is the bucket of those
// who have none yet (`sentientfs demo`), the server of `sentientfs store serve`, and the real S3 wire of the tests.
//
// The folder of a store looks like this, and its objects are plain files that survive the server:
//
//	DIR/keys           the key pair, mode 0600, made once
//	DIR/buckets/NAME/  one folder for each bucket; the object a/b is the file a/b in it
//	DIR/meta/          the objects' metadata, only where the filesystem has no extended attributes
//
// It must never listen on an address that it was not told to, never write a secret into a log, and never be part of
// the binary for sandboxes: everything but this comment is left out with the build tag sandbox.
package localstore
