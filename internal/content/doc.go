// Package content is the local content store: the bytes of a mount on the local disk, clean versions of objects as well
// as files that were written and are not stored yet, with the journal that brings those back after a crash.
//
// It must never know S3 or FUSE, never ask the network, never return bytes that are not the file's, and never lose a
// byte whose WriteAt returned, as far as the rules below go. No text of a key is in a file name.
//
// # A file
//
// A File is made of a base version, whose bytes show below a limit (its size, or the lowest truncation since), of what
// was written over it, and of holes. Its bytes are in one sparse file, data/<id>, for as long as it lives; whether it is
// clean or dirty is told by which other file names the id: journal/<id> is the record of a dirty file,
// clean/<version>-<id> the checksums by which a clean file is found again. A data file that neither names is nobody's
// and removed by Open. A record beats checksums.
//
// What is dirty is kept as ranges with generations. Generation returns a number that the next change makes old, and
// Stored leaves dirty what has a later number than the one that it is given. Changes between two questions share a
// number, so that ranges can be joined.
//
// # Clean files
//
// Every 64 KiB block of a clean file that is wholly local has a CRC-32C, in the checksum file. It is verified on the
// first read after the file was found on disk; a bad block is dropped and missing. Nothing of a clean file is ever
// synced: what a power loss damages fails its checksum.
//
// # Order of writing
//
// The death of the process loses nothing that was handed to the kernel, so without a Sync the order alone counts:
//
//   - Before the first change: checksum file unlinked, record written with the state before the change.
//   - A change: the bytes, then a slot in the record, then the call returns. A change that did not return is there or
//     not. A slot that is torn is not there.
//   - Stored: the file becomes clean in memory, then the record is unlinked. Its checksums are written by the last
//     Release. A crash before leaves a dirty file whose bytes are in the bucket, which replay finds; a crash between
//     leaves a data file that is nobody's, whose bytes are in the bucket.
//
// A power loss keeps of what was not synced any part: sectors of a file, names in a folder, in any order.
//
//   - Sync: data synced, commit slot written ("the slots before number n have their data on disk"), record synced, and
//     for a new record the folders data and journal. After it nothing that was written before is lost by whatever comes.
//   - Bytes that a truncation or a hole made free are freed only once that change is itself durable, if the record has
//     a commit: else the old record could come back and claim them.
//   - Rewriting a record: data synced, the new one synced under another name, renamed, folder synced. There is always
//     one whole record.
//   - A try is noted before its request and not synced: a power loss may forget it, and its store then looks like
//     somebody else's, a conflict at worst.
//   - Unlinking a record is not synced. One that comes back tells of bytes that are in the bucket, under a base that is
//     not the object's version any more, so that replay does not store it unseen. Before its bytes are changed or freed
//     in part, the folder is synced, so that it cannot come back and claim what is not there.
//   - Freeing sent parts: their slots synced before.
//
// After a power loss (the machine's boot is another one than the journal's) the slots before the last commit are
// trusted. Each later write has a CRC-32C of its bytes in its slot and counts only if they match and no later write
// covers a part of them. A write that does not count leaves what the last Sync had there, or the base; where there was
// neither, the bytes are lost, reads of them fail, and the file is a conflict for a person, but for a file that was
// appended to, which ends there.
//
// # Locks
//
// File.syncMu, then File.mu, then Store.mu. The disk is not touched under Store.mu. File.mu is shared by reads and held
// alone by changes, also while they write: a read sees all of a write or nothing. A Sync holds it only before and after
// the data are synced.
package content
