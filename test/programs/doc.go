// Package programs runs real programs in a mount: each file in testdata is a script that works in the folder $M of the
// mount and in the plain folder $W, and ends with an error if something is not as on a local disk.
//
// SENTIENTFS_TEST_PLAIN=1 runs the scripts in a plain folder, which must pass as well.
package programs
