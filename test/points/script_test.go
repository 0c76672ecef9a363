package points

import (
	"bytes"
	"context"
	"fmt"

	"github.com/sentient-agi/sentientfs/internal/content"
	"github.com/sentient-agi/sentientfs/internal/object"
)

// partSize is small, so that a script has many parts and a run is short. Bytes.
const partSize = 64 << 10

// A fate is what may be found under a key after a crash.
type fate struct {
	stored []byte // what the bucket was confirmed to have; nil for nothing
	acked  []byte // what was written, whole; nil if the file was removed
	gone   bool   // it was removed: the bucket may have stored or nothing
}

// A script writes and notes what it was promised.
type script struct {
	s     *stack
	fates map[string]*fate
}

// A step is one change, named for messages.
type step struct {
	name string
	do   func(ctx context.Context, c *script) error
}

func (c *script) fate(key string) *fate {
	if c.fates[key] == nil {
		c.fates[key] = &fate{}
	}
	return c.fates[key]
}

// write writes and notes that it was taken.
func (c *script) write(f *content.File, key string, data []byte, off int64) error {
	if _, err := f.WriteAt(data, off); err != nil {
		return err
	}
	t := c.fate(key)
	grown := make([]byte, max(len(t.acked), int(off)+len(data)))
	copy(grown, t.acked)
	copy(grown[off:], data)
	t.acked = grown
	c.s.engine.Wrote(f)
	return nil
}

// store stores and notes that the bucket has it.
func (c *script) store(ctx context.Context, f *content.File, key string) error {
	if err := f.Closed(); err != nil {
		return err
	}
	if _, err := c.s.engine.Store(ctx, f); err != nil {
		return err
	}
	t := c.fate(key)
	t.stored = bytes.Clone(t.acked)
	return nil
}

func (c *script) create(ctx context.Context, key string, size int) error {
	f, err := c.s.content.Create(key)
	if err != nil {
		return err
	}
	defer f.Release()
	c.fate(key).acked = []byte{}
	if err := c.fill(f, key, size); err != nil {
		return err
	}
	return c.store(ctx, f, key)
}

// fill writes size bytes in pieces of half a part.
func (c *script) fill(f *content.File, key string, size int) error {
	data := pattern(key, size)
	for off := 0; off < size; off += partSize / 2 {
		if err := c.write(f, key, data[off:min(size, off+partSize/2)], int64(off)); err != nil {
			return err
		}
	}
	return nil
}

// pattern is text that tells where it belongs.
func pattern(key string, size int) []byte {
	var b bytes.Buffer
	for b.Len() < size {
		fmt.Fprintf(&b, "%s at %d|", key, b.Len())
	}
	return b.Bytes()[:size]
}

// change opens the present version for a change with an intent.
func (c *script) change(ctx context.Context, key string, intent content.Intent, do func(f *content.File, size int64) error) error {
	info, err := c.s.names.Head(ctx, key)
	if err != nil {
		return err
	}
	f, err := c.s.content.Version(content.Version{Key: key, ETag: info.ETag, Size: info.Size, LastModified: info.LastModified})
	if err != nil {
		return err
	}
	defer f.Release()
	target := content.Target{Key: key, Intent: intent, Metadata: map[string]string{"mode": "33188"}}
	if intent == content.IntentAppend {
		target.AppendFrom = info.Size
	}
	if err := f.SetTarget(target); err != nil {
		return err
	}
	if err := do(f, info.Size); err != nil {
		return err
	}
	return c.store(ctx, f, key)
}

// cut truncates and notes it.
func (c *script) cut(f *content.File, key string, size int64) error {
	if err := f.Truncate(size); err != nil {
		return err
	}
	t := c.fate(key)
	t.acked = append(bytes.Clone(t.acked), make([]byte, max(0, int(size)-len(t.acked)))...)[:size]
	return nil
}

// steps is the script.
func steps() []step {
	const small, big = "small", "dir/big"
	return []step{
		{"create", func(ctx context.Context, c *script) error { return c.create(ctx, small, 1000) }},
		{"create empty", func(ctx context.Context, c *script) error { return c.create(ctx, "empty", 0) }},
		{"stream parts", func(ctx context.Context, c *script) error { return c.create(ctx, big, 3*partSize+999) }},
		{"append", func(ctx context.Context, c *script) error {
			return c.change(ctx, small, content.IntentAppend, func(f *content.File, size int64) error {
				return c.write(f, small, []byte("appended\n"), size)
			})
		}},
		{"append much", func(ctx context.Context, c *script) error {
			return c.change(ctx, big, content.IntentAppend, func(f *content.File, size int64) error {
				return c.write(f, big, pattern("tail", 2*partSize), size)
			})
		}},
		{"change within", func(ctx context.Context, c *script) error {
			return c.change(ctx, big, content.IntentEdit, func(f *content.File, _ int64) error {
				return c.write(f, big, []byte("changed in the middle"), partSize+77)
			})
		}},
		{"truncate", func(ctx context.Context, c *script) error {
			return c.change(ctx, big, content.IntentEdit, func(f *content.File, _ int64) error {
				return c.cut(f, big, 2*partSize+10)
			})
		}},
		{"replace", func(ctx context.Context, c *script) error {
			return c.change(ctx, small, content.IntentReplace, func(f *content.File, _ int64) error {
				if err := c.cut(f, small, 0); err != nil {
					return err
				}
				return c.write(f, small, []byte("replaced"), 0)
			})
		}},
		{"rename before the upload", renameBefore},
		{"write a sent part again", func(ctx context.Context, c *script) error {
			f, err := c.s.content.Create("again")
			if err != nil {
				return err
			}
			defer f.Release()
			if err := c.fill(f, "again", 4*partSize); err != nil {
				return err
			}
			if err := c.write(f, "again", []byte("second thoughts"), 10); err != nil {
				return err
			}
			return c.store(ctx, f, "again")
		}},
		{"remove before the upload", removeBefore},
		{"remove", func(ctx context.Context, c *script) error {
			c.fate("empty").gone = true
			return c.s.names.Delete(ctx, "empty", object.DeleteOptions{})
		}},
	}
}

// renameBefore gives a file another name while its first parts are on their way.
func renameBefore(ctx context.Context, c *script) error {
	const key = "renamed"
	f, err := c.s.content.Create("first name")
	if err != nil {
		return err
	}
	defer f.Release()
	target := f.Target()
	target.Key, target.Intent = key, content.IntentReplace
	if err := f.SetTarget(target); err != nil {
		return err
	}
	if err := c.fill(f, key, 3*partSize); err != nil {
		return err
	}
	return c.store(ctx, f, key)
}

// removeBefore removes a file whose first parts are on their way.
func removeBefore(ctx context.Context, c *script) error {
	f, err := c.s.content.Create("removed")
	if err != nil {
		return err
	}
	defer f.Release()
	if err := c.fill(f, "removed", 3*partSize); err != nil {
		return err
	}
	c.fate("removed").gone = true
	if err := c.s.engine.Abandon(ctx, f); err != nil {
		return err
	}
	return f.Drop()
}
