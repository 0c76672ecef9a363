// Package launchd holds the property list of the mount service as text, for `sentientfs service install` on macOS: one
// agent for each mount, kept alive, with its log in the user's Library/Logs.
//
// It must never have a secret in the list, and never wait for macFUSE without saying so.
package launchd
