// Package memory measures what a daemon keeps in memory while a large file goes through it, as the kernel counts it.
package memory
