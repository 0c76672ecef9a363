// Package direct is what a program does that speaks S3 itself, as fast as it goes: ranges and parts in parallel, whole
// objects in one request, no lookups. It is what a mount is compared with, so it must never do less than the work
// asks for: bytes that are read are all received, and those that are written carry a checksum.
package direct
