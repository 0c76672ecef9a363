// Package e2b speaks with E2B for the commands `sentientfs e2b …`: it builds sandbox templates that carry this binary,
// makes and ends sandboxes, and proves that host and sandbox see the same files at the same path.
//
// It must never import the filesystem or the S3 backend: what it mounts, it mounts by running the binary. It must never
// put credentials into a template, and never trust what comes out of a sandbox.
package e2b
