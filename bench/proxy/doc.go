// Package proxy stands between a client and an S3 server and makes the server as far away as a real one: it waits
// before the first byte of each answer, and may cap what the line carries. It counts requests by kind, and bytes.
//
// It relays bytes as they are and lets the kernel move bodies (splice), since everything that is measured shares the
// machine with it. It must never change a request that is signed, nor answer one itself, but for the interim
// "100 Continue" that a client may ask for before it sends a body.
package proxy
