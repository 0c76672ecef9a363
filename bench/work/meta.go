//go:build !sandbox

package work

import (
	"context"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/sentient-agi/sentientfs/bench/direct"
)

func statEach(n int) func(context.Context, *Job) error {
	return func(_ context.Context, j *Job) error {
		for i := range j.Scale.N(n) {
			if _, err := os.Lstat(j.path(fmt.Sprintf("f%06d", i))); err != nil {
				return err
			}
		}
		return nil
	}
}

// listLong is ls -l.
func listLong(n int) func(context.Context, *Job) error {
	return func(_ context.Context, j *Job) error {
		entries, err := os.ReadDir(j.Dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if _, err := os.Lstat(j.path(e.Name())); err != nil {
				return err
			}
		}
		return expect(len(entries), j.Scale.N(n))
	}
}

// walk looks at every file and folder, as find -ls does.
func walk(_ context.Context, j *Job) error {
	n := 0
	err := filepath.WalkDir(j.Dir, func(_ string, d iofs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.IsDir() {
			n++
		}
		_, err = d.Info()
		return err
	})
	if err != nil {
		return err
	}
	return expect(n, j.Scale.N(100)*50)
}

// list is one listing of everything below the folder, and where heads is set the metadata of each object.
func list(want func(Scale) int, heads bool) func(context.Context, *Job) error {
	return func(ctx context.Context, j *Job) error {
		all, err := j.Client.List(ctx, j.Key)
		if err != nil {
			return err
		}
		if err := expect(len(all), want(j.Scale)); err != nil || !heads {
			return err
		}
		return direct.Each(ctx, direct.Wide, len(all), func(ctx context.Context, i int) error {
			return j.Client.Head(ctx, all[i].Key)
		})
	}
}

func renameFiles(_ context.Context, j *Job) error {
	for i := range j.Scale.N(50) {
		name := j.path(fmt.Sprintf("f%06d", i))
		if err := os.Rename(name, name+".new"); err != nil {
			return err
		}
	}
	return nil
}

func renameFilesDirect(ctx context.Context, j *Job) error {
	for i := range j.Scale.N(50) {
		key := j.key(fmt.Sprintf("f%06d", i))
		if err := j.Client.Copy(ctx, key, key+".new"); err != nil {
			return err
		}
		if err := j.Client.Delete(ctx, key); err != nil {
			return err
		}
	}
	return nil
}

// renameDir moves the only folder of the set.
func renameDir(_ context.Context, j *Job) error {
	return os.Rename(j.path("d0000"), j.path("moved"))
}

func renameDirDirect(ctx context.Context, j *Job) error {
	all, err := j.Client.List(ctx, j.key("d0000"))
	if err != nil {
		return err
	}
	keys := make([]string, len(all))
	err = direct.Each(ctx, direct.Wide, len(all), func(ctx context.Context, i int) error {
		keys[i] = all[i].Key
		return j.Client.Copy(ctx, keys[i], j.key("moved")+keys[i][len(j.key("d0000")):])
	})
	if err != nil {
		return err
	}
	return j.Client.DeleteMany(ctx, keys)
}

const tempSize = 100 << 10

// tempRename stores files as editors and careful programs do: under another name first.
func tempRename(_ context.Context, j *Job) error {
	body := Bytes(tempSize)
	for i := range j.Scale.N(100) {
		name := j.path(fmt.Sprintf("f%06d", i))
		if err := os.WriteFile(name+".tmp", body, 0o644); err != nil {
			return err
		}
		if err := os.Rename(name+".tmp", name); err != nil {
			return err
		}
	}
	return nil
}

func tempRenameDirect(ctx context.Context, j *Job) error {
	body := Bytes(tempSize)
	for i := range j.Scale.N(100) {
		if _, err := j.Client.Put(ctx, j.key(fmt.Sprintf("f%06d", i)), body); err != nil {
			return err
		}
	}
	return nil
}

func unlinkAll(_ context.Context, j *Job) error {
	for i := range j.Scale.N(500) {
		if err := os.Remove(j.path(fmt.Sprintf("f%06d", i))); err != nil {
			return err
		}
	}
	return nil
}

func unlinkAllDirect(ctx context.Context, j *Job) error {
	for i := range j.Scale.N(500) {
		if err := j.Client.Delete(ctx, j.key(fmt.Sprintf("f%06d", i))); err != nil {
			return err
		}
	}
	return nil
}

// unlinkManyDirect removes all of them with as few requests as there can be.
func unlinkManyDirect(ctx context.Context, j *Job) error {
	var keys []string
	for i := range j.Scale.N(500) {
		keys = append(keys, j.key(fmt.Sprintf("f%06d", i)))
	}
	return j.Client.DeleteMany(ctx, keys)
}

// listNames is ls -f: names alone, none kept.
func listNames(_ context.Context, j *Job) error {
	d, err := os.Open(j.Dir)
	if err != nil {
		return err
	}
	defer d.Close()
	n := 0
	for {
		names, err := d.Readdirnames(4096)
		n += len(names)
		if errors.Is(err, io.EOF) {
			return expect(n, Million(j.Scale))
		}
		if err != nil {
			return err
		}
	}
}

func listNamesDirect(ctx context.Context, j *Job) error {
	n := 0
	if err := j.Client.Pages(ctx, j.Key, func(page []types.Object) { n += len(page) }); err != nil {
		return err
	}
	return expect(n, Million(j.Scale))
}

// Million is how many names the folder of names has.
func Million(s Scale) int { return max(1000, int(1_000_000*s.Sizes)) }
