package metacache

import (
	"context"

	"github.com/sentient-agi/sentientfs/internal/object"
)

// HasChildren asks whether anything is below dir but its marker and the path except, which may be "". Also names that
// no directory can show count. It always asks the bucket.
func (c *Cache) HasChildren(ctx context.Context, dir, except string) (bool, error) {
	// Four names are one more than there can be that do not count: the marker, except as a file and as a directory.
	opts := object.ListOptions{Prefix: below(dir), Delimiter: "/", Limit: 4}
	for {
		page, err := c.next.List(ctx, opts)
		if err != nil {
			return false, err
		}
		for _, o := range page.Objects {
			if o.Key != opts.Prefix && (except == "" || o.Key != except) {
				return true, nil
			}
		}
		for _, p := range page.Prefixes {
			if except == "" || p != except+"/" {
				return true, nil
			}
		}
		if !page.More {
			return false, nil
		}
		opts.Token = page.Next
	}
}
