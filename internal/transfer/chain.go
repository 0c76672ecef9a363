package transfer

import (
	"strconv"
	"strings"
)

const (
	// maxChain is how many earlier versions an append tells of: a reader that asks once a minute misses fewer than
	// these of a writer that is stored every five seconds.
	maxChain = 16
	// maxMetadata is what all metadata may take with it, in bytes: S3's 2,048 less what the backend adds.
	maxMetadata = 1984
	// shortETag is how many bytes of an earlier version's ETag are kept, beside its size.
	shortETag = 12
)

// extend notes in m that an append extends the version of this ETag and size, and, from the metadata of that version,
// what it extended in turn: a reader that missed some versions still knows its own.
func extend(m map[string]string, etag string, size int64, before map[string]string) {
	m[MetaExtendsETag], m[MetaExtendsSize] = etag, strconv.FormatInt(size, 10)
	last := before[MetaExtendsETag]
	if last == "" {
		return
	}
	links := []string{before[MetaExtendsSize] + ":" + last[:min(shortETag, len(last))]}
	if older := before[MetaExtendsChain]; older != "" {
		links = append(links, strings.Split(older, ",")...)
	}
	room := maxMetadata - len(MetaExtendsChain)
	for k, v := range m {
		room -= len(k) + len(v)
	}
	chain := ""
	for _, l := range links[:min(maxChain, len(links))] {
		if len(chain)+1+len(l) > room { // a person's attributes count for more
			break
		}
		chain += "," + l
	}
	if chain != "" {
		m[MetaExtendsChain] = chain[1:]
	}
}

// Extends tells whether metadata say that the object begins with all bytes of the version of this ETag and size.
func Extends(metadata map[string]string, etag string, size int64) bool {
	if etag == "" {
		return false
	}
	length := strconv.FormatInt(size, 10)
	if metadata[MetaExtendsETag] == etag && metadata[MetaExtendsSize] == length {
		return true
	}
	link := length + ":" + etag[:min(shortETag, len(etag))]
	for l := range strings.SplitSeq(metadata[MetaExtendsChain], ",") {
		if l == link {
			return true
		}
	}
	return false
}
