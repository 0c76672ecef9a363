// Package work is what programs do with files, as functions over a folder, and each beside it as a direct client of S3
// does it. A row says what must be there beforehand, what is cached, and how close to the direct client a mount has to
// come.
//
// A workload must never do less in one of its two forms: what a mount stores, the direct client stores; what one
// receives, the other receives.
package work
