//go:build !sandbox

package work

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/sentient-agi/sentientfs/bench/direct"
)

const (
	large = 512 * mib
	small = 4 << 10
	patch = 64 * mib
)

// bigFile is the name of the only file of a set of one.
const bigFile = "f000000"

func writeLarge(_ context.Context, j *Job) error {
	f, err := os.Create(j.path(bigFile))
	if err != nil {
		return err
	}
	for off := int64(0); off < j.Scale.Size(large); off += mib {
		if _, err := f.Write(noise()); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	return f.Close()
}

func writeLargeDirect(ctx context.Context, j *Job) error {
	return j.Client.PutLarge(ctx, j.key(bigFile), j.Scale.Size(large), Fill)
}

// readFile receives a whole file in pieces of a MiB.
func readFile(name string, buf []byte, size int64) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	n, err := io.CopyBuffer(io.Discard, struct{ io.Reader }{f}, buf)
	if err == nil && n != size {
		err = fmt.Errorf("%s has %d bytes, not %d", name, n, size)
	}
	return err
}

func readLarge(_ context.Context, j *Job) error {
	return readFile(j.path(bigFile), make([]byte, mib), j.Scale.Size(large))
}

func readLargeDirect(ctx context.Context, j *Job) error {
	return j.Client.GetLarge(ctx, j.key(bigFile))
}

func readRandom(n int64) func(context.Context, *Job) error {
	return func(_ context.Context, j *Job) error {
		f, err := os.Open(j.path(bigFile))
		if err != nil {
			return err
		}
		defer f.Close()
		buf := make([]byte, n)
		for _, off := range offsets(j.Round, j.Scale.N(200), j.Scale.Size(large), n) {
			if _, err := f.ReadAt(buf, off); err != nil {
				return err
			}
		}
		return nil
	}
}

func readRandomDirect(n int64) func(context.Context, *Job) error {
	return func(ctx context.Context, j *Job) error {
		for _, off := range offsets(j.Round, j.Scale.N(200), j.Scale.Size(large), n) {
			if err := j.Client.GetRange(ctx, j.key(bigFile), off, n); err != nil {
				return err
			}
		}
		return nil
	}
}

func createSmall(threads int) func(context.Context, *Job) error {
	return func(ctx context.Context, j *Job) error {
		body := Bytes(small)
		return direct.Each(ctx, threads, j.Scale.N(500), func(_ context.Context, i int) error {
			return os.WriteFile(j.path(fmt.Sprintf("f%06d", i)), body, 0o644)
		})
	}
}

func createSmallDirect(threads int) func(context.Context, *Job) error {
	return func(ctx context.Context, j *Job) error {
		body := Bytes(small)
		return direct.Each(ctx, threads, j.Scale.N(500), func(ctx context.Context, i int) error {
			_, err := j.Client.Put(ctx, j.key(fmt.Sprintf("f%06d", i)), body)
			return err
		})
	}
}

// readSmall lists the folder and reads what is in it, as cat * does.
func readSmall(threads int) func(context.Context, *Job) error {
	return func(ctx context.Context, j *Job) error {
		entries, err := os.ReadDir(j.Dir)
		if err != nil {
			return err
		}
		if err := expect(len(entries), j.Scale.N(500)); err != nil {
			return err
		}
		return direct.Each(ctx, threads, len(entries), func(_ context.Context, i int) error {
			return readFile(j.path(entries[i].Name()), make([]byte, 2*small), small)
		})
	}
}

func readSmallDirect(threads int) func(context.Context, *Job) error {
	return func(ctx context.Context, j *Job) error {
		list, err := j.Client.List(ctx, j.Key)
		if err != nil {
			return err
		}
		if err := expect(len(list), j.Scale.N(500)); err != nil {
			return err
		}
		return direct.Each(ctx, threads, len(list), func(ctx context.Context, i int) error {
			_, err := j.Client.Get(ctx, list[i].Key)
			return err
		})
	}
}

// readSmallAgain opens and reads each by name, without a list.
func readSmallAgain(_ context.Context, j *Job) error {
	buf := make([]byte, 2*small)
	for i := range j.Scale.N(500) {
		if err := readFile(j.path(fmt.Sprintf("f%06d", i)), buf, small); err != nil {
			return err
		}
	}
	return nil
}

// readSmallAgainDirect receives what it has not, and asks whether it changed for what it has.
func readSmallAgainDirect(ctx context.Context, j *Job) error {
	for i := range j.Scale.N(500) {
		key := j.key(fmt.Sprintf("f%06d", i))
		if etag := j.tag(key); etag != "" {
			if err := j.Client.Unchanged(ctx, key, etag); err != nil {
				return err
			}
			continue
		}
		etag, err := j.Client.Get(ctx, key)
		if err != nil {
			return err
		}
		j.setTag(key, etag)
	}
	return nil
}

func appendLines(_ context.Context, j *Job) error {
	line := Bytes(1 << 10)
	for range j.Scale.N(100) {
		f, err := os.OpenFile(j.path("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		if _, err := f.Write(line); err != nil {
			return errors.Join(err, f.Close())
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return nil
}

func appendLinesDirect(ctx context.Context, j *Job) error {
	for i := range j.Scale.N(100) {
		if _, err := j.Client.Put(ctx, j.key("log"), Bytes(int64(i+1)<<10)); err != nil {
			return err
		}
	}
	return nil
}

// overwrite changes a block and waits until that is in S3, again and again.
func overwrite(_ context.Context, j *Job) error {
	f, err := os.OpenFile(j.path(bigFile), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	for _, off := range patches(j) {
		if _, err := f.WriteAt(patched(), off); err != nil {
			return errors.Join(err, f.Close())
		}
		if err := f.Sync(); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	return f.Close()
}

func overwriteDirect(ctx context.Context, j *Job) error {
	for _, off := range patches(j) {
		block := func(p []byte, from int64) {
			Fill(p, from)
			copy(p[off-from:], patched())
		}
		if err := j.Client.Patch(ctx, j.key(bigFile), j.Scale.Size(patch), off, block); err != nil {
			return err
		}
	}
	return nil
}

// overwritten looks for the last block that was changed.
func overwritten(ctx context.Context, j *Job) (bool, error) {
	all := patches(j)
	got, err := j.Client.ReadRange(ctx, j.key(bigFile), all[len(all)-1], small)
	return string(got) == string(patched()), err
}

// patches are the places that are overwritten.
func patches(j *Job) []int64 { return offsets(j.Round, j.Scale.N(20), j.Scale.Size(patch), small) }

// patched is a block that is nowhere in a file of ours.
func patched() []byte {
	b := Bytes(small)
	for i := range b {
		b[i] = ^b[i]
	}
	return b
}

func expect(got, want int) error {
	if got != want {
		return fmt.Errorf("%d files are there, not %d", got, want)
	}
	return nil
}
