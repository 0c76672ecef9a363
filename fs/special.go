package fs

// A special is a fifo or a socket: an empty object whose metadata says so. The kernel does what they are for.
type special struct{ entry }
