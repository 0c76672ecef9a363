// Package fs is the FUSE filesystem: it turns the kernel's requests into questions to the names (internal/metacache),
// to the local bytes (internal/content) and to the transfer engine, and their answers into errno values.
//
// It must never import s3backend or an SDK, never read the text of an error, and never hold a lock over a request to
// the bucket except the locks that are made for it: file.io, which keeps writers out while a file is stored, and
// FS.names, which orders what changes one name.
//
// # A version is an inode
//
// The kernel's page cache belongs to an inode. So a node stands for one version of an object, or for a file that this
// machine writes. When an object was changed elsewhere, OPEN of its old node answers ESTALE, the kernel looks the name
// up again and gets a new node with the new version; handles on the old node go on with the old version. While a node
// has a writer or bytes that are not stored, lookups of this mount return it.
//
// # Locks, outermost first
//
//	FS.names   each name that is being created, removed or renamed; a directory that is renamed with all below it
//	file.io    shared: WRITE, truncate. Exclusive: storing, so that what is sent is one state of the file
//	entry.mu   the fields of one node
//	FS.tree    parents and names of all nodes
//	pruner.mu  which nodes the kernel was given, in order
//
// None of them is held while the kernel is notified, since the kernel may wait for a request that needs them.
package fs
