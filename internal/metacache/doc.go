// Package metacache knows names, attributes and directories of a bucket for a while. Its Cache is an object.Store that
// wraps another one: what its calls answer and change becomes known. On top it answers the two questions of a
// filesystem that a bucket has no request for: what a path is (Lookup) and what a directory holds (OpenDir).
//
// It must never
//   - take a listing as proof that a name is missing: only the answer of a question about this name is;
//   - let an answer that was asked for before this mount changed a name replace what the change told;
//   - answer a lookup that wants to be fresh with a request that began before it;
//   - run shared work on the context of one caller, whose end must not fail the others;
//   - grow beyond its budget: metadata of millions of names lives on disk in a file of a fixed size, large listings in
//     a file without a name.
//
// # What is a file and what is a directory
//
// A path "a" is a file if there is an object "a", and a directory if there is an object "a/" (its marker, of any
// content type) or any object below "a/". Where there are both, the file wins and the directory cannot be seen. An
// empty object "a" of content type application/x-directory or httpd/unix-directory, the old form of s3fs, is a
// directory too; its Entry has Marker set and Info.Key without the slash. Objects "a_$folder$" have no meaning.
//
// # Time
//
// What is known is dated by the start of the request that told it, and used while it is younger than the TTL of its
// path. A listing is used by a later OpenDir within ListTTL, and by Lookup, for names that it has, within StatTTL or
// TypeTTL.
//
// # Changes of this mount
//
// A change takes effect in the cache when its request ended. It marks all questions about its name that are still
// running, whose answers then are not kept, and all listings of the parents that are kept or still running, which
// take the name from the change. Where two changes of one name overlap, the order in which the bucket took them is not
// known, and all that was known of the name is forgotten.
//
// # Locks
//
// Cache.mu comes before dirList.mu, of which two are held at once only under Cache.mu; known.mu is a leaf. The turn of a
// Listing is taken before all of them, and is the only one that is held while a request runs.
package metacache
