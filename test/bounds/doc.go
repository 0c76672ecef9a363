// Package bounds measures promise P8: what the daemon may take of memory and of the disk, however large a folder or a
// file is, and that a dead server costs an error and not for ever.
//
// Folders of a million names and files of 30 GiB cost nothing here: a front answers for names that are nowhere and
// takes bytes that it forgets. SENTIENTFS_BOUNDS_NAMES and SENTIENTFS_BOUNDS_GIB set how many. Nothing here may depend
// on the speed of the machine.
package bounds
