// Package s3backend is an object.Store on an S3 bucket, through aws-sdk-go-v2: it retries what may be retried, verifies
// checksums both ways, tells a lost answer from a failure, and turns all that S3 can say into the kinds of object.
//
// It must never import fs or go-fuse, never decide by the text of an error, and never log or return a signature, a key,
// a token or an SSE-C key.
//
// # Conditions
//
// What a server does not honour is found out by Traits, which leaves nothing behind: it works on keys named
// ".sentientfs-probe-<random>" below the prefix. Where a trait is missing, a conditional request is preceded by a
// HEAD. That narrows the window in which another writer can slip in; it does not close it.
//
// # Time
//
// One attempt is cut when nothing moved for Options.HTTPTimeout: a slow body that moves is never cut. Attempts follow
// each other, with growing random pauses, until Options.MaxRetries or Options.OperationTimeout is reached.
package s3backend
