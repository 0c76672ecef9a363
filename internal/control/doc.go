// Package control is the way in which commands talk to a running mount: a Unix socket beside it, one request per
// connection, answered by lines of JSON.
//
// It must never be reachable by another user, and a request must never be able to hang the mount: whoever asks goes
// away by closing the connection.
package control
