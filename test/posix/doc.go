// Package posix runs go-fuse's posixtest over a mount. A mount must pass all that ext4 passes, but for hard links;
// SENTIENTFS_TEST_PLAIN=1 runs the same over a plain folder, which shows what the machine's own filesystem does.
package posix
