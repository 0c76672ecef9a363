// Package config makes one checked Config of the command line, the environment and the .env files, and remembers where
// each value came from.
//
// It is read once, at start, and handed down in parts: no other package reads a variable or a file of settings. It
// must never print a secret, never complete one half of a credential pair from another source, and never stop at the
// first mistake: every mistake is found and told with a hint.
package config
