// Package model does random sequences of operations on names in a mount and in a plain folder at the same time. Each
// must end alike in both, the trees must be equal after it, and a second mount of the bucket with a cache of its own
// must see the same tree.
package model
