package memstore

import (
	"context"
	"sort"
	"strings"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// maxPage is the most names of one page (the API reference of ListObjectsV2).
const maxPage = 1000

// List implements object.Store. A token is the last name of the page before, after a letter that tells keys ("k") from
// common prefixes ("p"): behind a prefix come only keys without it.
func (s *Store) List(ctx context.Context, opts object.ListOptions) (object.Page, error) {
	const op = "ListObjectsV2"
	if err := ctx.Err(); err != nil {
		return object.Page{}, &object.Error{Op: op, Key: opts.Prefix, Kind: object.KindOf(err), Err: err}
	}
	limit := opts.Limit
	if limit <= 0 || limit > maxPage {
		limit = maxPage
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := sort.SearchStrings(s.keys, opts.Prefix)
	switch {
	case strings.HasPrefix(opts.Token, "k"):
		i = max(i, s.behindLocked(opts.Token[1:]))
	case strings.HasPrefix(opts.Token, "p"):
		i = max(i, s.behindPrefixLocked(opts.Token[1:]))
	case opts.Token != "":
		return object.Page{}, fail(op, opts.Prefix, object.KindInvalid, "token %q is not of this store", opts.Token)
	case opts.StartAfter != "":
		i = max(i, s.behindLocked(opts.StartAfter))
	}
	var page object.Page
	last := ""
	for n := 0; i < len(s.keys) && strings.HasPrefix(s.keys[i], opts.Prefix); n++ {
		if n == limit {
			page.More, page.Next = true, last
			break
		}
		key := s.keys[i]
		if prefix, ok := commonPrefix(key, opts.Prefix, opts.Delimiter); ok {
			page.Prefixes = append(page.Prefixes, prefix)
			last, i = "p"+prefix, s.behindPrefixLocked(prefix)
			continue
		}
		info := s.objects[key].info
		info.Metadata, info.ContentType, info.CRC64NVME = nil, "", nil
		page.Objects = append(page.Objects, info)
		last, i = "k"+key, i+1
	}
	return page, nil
}

func (s *Store) behindLocked(key string) int {
	return sort.Search(len(s.keys), func(i int) bool { return s.keys[i] > key })
}

func (s *Store) behindPrefixLocked(prefix string) int {
	return sort.Search(len(s.keys), func(i int) bool {
		return s.keys[i] > prefix && !strings.HasPrefix(s.keys[i], prefix)
	})
}

func commonPrefix(key, prefix, delimiter string) (string, bool) {
	if delimiter == "" {
		return "", false
	}
	rest := key[len(prefix):]
	i := strings.Index(rest, delimiter)
	if i < 0 {
		return "", false
	}
	return prefix + rest[:i+len(delimiter)], true
}
