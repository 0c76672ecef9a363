// Package hostile mounts what an enemy made: buckets with keys, links and metadata that no decent program writes, and
// a server that lies about lengths, listings, ETags and sizes. The daemon must live on, keep its memory, come to an end
// with every call, and touch nothing outside its prefix.
//
// What an enemy's names look like in a listing is not the matter here: only that nothing worse comes of them.
package hostile
