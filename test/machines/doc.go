// Package machines lets two daemons on one bucket do random things at the same time, as a host and a sandbox do, and
// proves P1 to P4 and P6 of what comes of it.
//
// A run is many rounds. In a round each machine does a few operations, often on the same names; between rounds both
// stand still, and both machines and the bucket must show one tree. A checker then looks for an order of the
// operations, each as one or two steps, that explains every result and the tree: it knows that a step happens between
// the begin and the end of its call, that a replacement wins, that appends pile up, that a change of what was changed
// is refused, and that a rename copies and then removes. If no order explains what was seen, a promise is broken.
//
// SENTIENTFS_MACHINES_ROUNDS is how many rounds each run has, for hours of it; SENTIENTFS_MACHINES_SEED makes other
// runs. The checker must never be told which outcome is likely: what it does not know as allowed is a violation.
package machines
