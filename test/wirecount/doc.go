// Package wirecount counts the S3 requests of everyday commands. A request is money and a round trip, so the numbers
// are pinned: each row of the table says the most that a command may send of each kind, and none of any other.
//
// What makes up the numbers:
//
//	lookup   of a name that is not known: HEAD name, HEAD name/ and LIST name/ at the same time, one round trip
//	open     of a file to read: GET, conditional where a version is known, with the first bytes in the answer
//	create   a lookup, then one PUT at close; with O_EXCL a PUT at open as well, since the name must be taken then
//	         (a shell's redirection too may begin an empty PUT: it duplicates its descriptor and closes the first)
//	change   of metadata: a COPY of the object onto itself
//	opendir  LIST, a page for 1,000 names; and once for each version HEAD where modes and times are wanted
package wirecount
