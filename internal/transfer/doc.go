// Package transfer moves the bytes of files between the local content store and S3: it fetches what readers miss and
// what they will want next, sends what writers wrote while they go on writing, and settles what is stored with what
// someone else stored meanwhile.
//
// The conditions of each request follow from the Intent of a file. A new file is stored where nothing is
// (If-None-Match), a replacement wins, a change in place is stored over the version that it was made from (If-Match)
// and is a conflict otherwise, an append goes behind whatever is there now. Every object that is stored carries a
// nonce of its own in the metadata, which the journal has before the request is sent. By it a lost answer, also one that
// came after the death of the process, and a refusal of a request that was sent twice and had worked the first time
// are recognized for what they are.
//
// Nothing here runs on the context of a caller: a request that was begun for one reader may serve another, and a
// signal that interrupts a system call must not cut an upload. A caller's context ends its waiting only. All of it
// ends with Engine.Close, which cancels and waits.
//
// What is fetched is kept in the local store and read from there. Where that has no room, bytes are passed through; a
// writer whose disk is full waits in MakeRoom until parts of its file are in S3.
//
// The package must never hold a lock while a request runs, never hold one buffer while it waits for another, never
// leave a multipart upload behind that the journal does not know (but for one whose begin was answered to nobody), and never drop bytes that were written: what cannot
// be stored stays in the journal and the caller gets the error.
//
// Locks, in the order in which they may be taken: Reader.mu, Engine.mu, state.mu, then those of the content store.
package transfer
