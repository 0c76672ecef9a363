// Package front is a server before a server: a suite decides by a function what becomes of each request, where the
// faults of harness.Proxy do not say enough.
//
// It is part of the test's own process, so it must never be used together with mappings of files of the mount.
package front
