// Package memstore is an object.Store in memory, for tests: it behaves as S3 does where a program can tell, with an
// honest compare-and-swap on every condition, so that races which a real server loses are decided here.
//
// It must never be used for data that someone wants to keep, and it never fails on its own account: faults are the
// business of faultstore.
package memstore
