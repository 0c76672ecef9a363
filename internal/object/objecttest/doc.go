// Package objecttest is the one conformance suite for every object.Store: a test for each sentence of the contract that
// stands on the interface.
//
// It must never know which Store it tests: what a server cannot do is told by Options, with a reason that is shown
// where a test is skipped.
package objecttest
