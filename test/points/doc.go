// Package points kills at every request: a script of writes runs over the local content store, the transfer engine and
// the cache of names; the bucket stops at the n-th request, before it or after it, and what the disk has by then is
// what a killed process leaves. A fresh stack takes that folder up, and P5 must hold: what was acknowledged is in the
// bucket or in the journal, nothing in the bucket is anything but a state that was, and no upload is left without a
// record.
//
// It is the one suite that imports packages of the filesystem, because only inside one process every point can be
// counted. It must never depend on time: each run is in a bubble of testing/synctest and is looked at when all stand.
package points
