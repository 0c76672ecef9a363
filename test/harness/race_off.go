//go:build !race

package harness

// raced says that the daemons are built with the race detector, as this test is. A race ends them.
const raced = false
