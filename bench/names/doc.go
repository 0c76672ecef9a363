// Package names is an S3 server of names alone: a bucket in which one folder has as many empty objects as wanted. It
// answers LIST and HEAD from arithmetic, so that a million names need neither a million PUTs nor memory.
//
// It must never take a change.
package names
