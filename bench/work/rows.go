//go:build !sandbox

package work

import "fmt"

var (
	bigSet    = &Set{Name: "big", Count: one, Size: scaled(large)}
	patchSet  = &Set{Name: "patch", Count: one, Size: scaled(patch)}
	smallSet  = &Set{Name: "small", Count: count(500), Size: bytes(small)}
	statSet   = &Set{Name: "stat", Count: count(1000), Size: bytes(100)}
	longSet   = &Set{Name: "long", Count: count(5000), Size: bytes(100)}
	walkSet   = &Set{Name: "walk", Count: walkCount, Size: bytes(100), PerDir: func(Scale) int { return 50 }}
	renameSet = &Set{Name: "rename", Count: count(50), Size: bytes(small)}
	dirSet    = &Set{Name: "dir", Count: count(200), Size: bytes(small), PerDir: count(200)}
)

// nothing is left.
func nothing(Scale) Left { return Left{} }

func walkCount(s Scale) int { return 50 * s.N(100) }

// MB is what lines are measured in.
const MB = 1_000_000

// Rows are all rows, in the order of the table.
func Rows() []*Row {
	return append(append(dataRows(), smallRows()...), append(metaRows(), treeRows()...)...)
}

func dataRows() []*Row {
	return []*Row{
		{Name: "write", Title: sized("write %d MiB until close returns", large), Strict: 1.15, Relaxed: 1.15,
			Mount: writeLarge, Direct: writeLargeDirect, Moved: scaled(large),
			Left: func(s Scale) Left { return Left{1, s.Size(large)} }},
		{Name: "read", Title: sized("read %d MiB cold", large), Strict: 1.5, Relaxed: 1.5, Zero: 2,
			Before: bigSet, Mount: readLarge, Direct: readLargeDirect, Moved: scaled(large)},
		{Name: "read-200", Title: sized("read %d MiB cold, line of 200 MB/s", large), Strict: 1.1, Relaxed: 1.1, Cap: 200 * MB,
			Before: bigSet, Mount: readLarge, Direct: readLargeDirect, Moved: scaled(large)},
		{Name: "read-warm", Title: sized("read %d MiB warm", large), Strict: 1 / 0.9, Relaxed: 1 / 0.9,
			Goal: "0.9 of the disk's rate with passthrough, 0.7 without", Disk: true, Cache: Everything,
			Before: bigSet, Mount: readLarge, Moved: scaled(large)},
		{Name: "random-4k", Title: titled("%d random reads of 4 KiB, cold", 200), Strict: 0.25, Relaxed: 0.25,
			Before: bigSet, Mount: readRandom(small), Direct: readRandomDirect(small), Moved: all(200, small)},
		{Name: "random-4k-50", Title: titled("%d random reads of 4 KiB, cold, line of 50 MB/s", 200), Cap: 50 * MB,
			Goal:   "at most 16 times the bytes asked for",
			Before: bigSet, Mount: readRandom(small), Direct: readRandomDirect(small), Moved: all(200, small)},
		{Name: "random-1m", Title: titled("%d random reads of 1 MiB, cold", 200), Strict: 0.2, Relaxed: 0.2,
			Before: bigSet, Mount: readRandom(mib), Direct: readRandomDirect(mib), Moved: all(200, mib)},
	}
}

func smallRows() []*Row {
	return []*Row{
		{Name: "create", Title: titled("create %d x 4 KiB", 500), Strict: 2.1, Relaxed: 0.05, Zero: 2,
			Mount: createSmall(1), Direct: createSmallDirect(1), Left: files(500, small)},
		{Name: "create-16", Title: titled("create %d x 4 KiB, 16 threads", 500), Strict: 2.3, Relaxed: 0.7,
			Mount: createSmall(16), Direct: createSmallDirect(16), Left: files(500, small)},
		{Name: "small", Title: titled("list and read %d x 4 KiB cold", 500), Strict: 1.05, Relaxed: 0.2, Zero: 2,
			Before: smallSet, Mount: readSmall(1), Direct: readSmallDirect(1)},
		{Name: "small-16", Title: titled("list and read %d x 4 KiB cold, 16 threads", 500), Strict: 1.1, Relaxed: 0.5,
			Before: smallSet, Mount: readSmall(16), Direct: readSmallDirect(16)},
		{Name: "small-again", Title: titled("read the same %d again", 500), Strict: 1, Relaxed: 0.02, Cache: Everything,
			Before: smallSet, Mount: readSmallAgain, Direct: readSmallAgainDirect},
		{Name: "append", Title: titled("%d x open, append 1 KiB, close", 100), Strict: 1.1, Relaxed: 0.08,
			Mount: appendLines, Direct: appendLinesDirect, Left: func(s Scale) Left { return Left{1, int64(s.N(100)) << 10} }},
		{Name: "overwrite", Title: func(s Scale) string {
			return sized("overwrite 4 KiB in %d MiB and fsync", patch)(s) + titled(", %d times", 20)(s)
		}, Strict: 1, Relaxed: 1, Before: patchSet, Changes: true, Mount: overwrite, Direct: overwriteDirect, Stored: overwritten,
			Left: func(s Scale) Left { return Left{1, s.Size(patch)} }},
	}
}

func million(format string) func(Scale) string {
	return func(s Scale) string { return fmt.Sprintf(format, Million(s)) }
}

func metaRows() []*Row {
	const stat, long = 1000, 5000
	return []*Row{
		{Name: "stat-known", Title: titled("stat %d files cold, metadata known", stat), Strict: 1.5, Relaxed: 1.5,
			Goal: "1.5 x LIST + 3 round trips", Before: statSet, Cache: Metadata, Mount: statEach(stat), Direct: list(count(stat), false)},
		{Name: "stat", Title: titled("stat %d files cold", stat), Strict: 1.5, Relaxed: 1.5, Goal: "1.5 x (LIST + HEADs 64 wide) + 3 round trips",
			Before: statSet, Mount: statEach(stat), Direct: list(count(stat), true)},
		{Name: "long-known", Title: titled("ls -l of %d cold, metadata known", long), Strict: 1.5, Relaxed: 1.5, Zero: 2,
			Before: longSet, Cache: Metadata, Mount: listLong(long), Direct: list(count(long), false)},
		{Name: "long", Title: titled("ls -l of %d cold", long), Strict: 1.5, Relaxed: 1.5,
			Before: longSet, Mount: listLong(long), Direct: list(count(long), true)},
		{Name: "walk-known", Title: titled("walk %d x 50 cold, metadata known", 100), Strict: 1.5, Relaxed: 1.5, Zero: 2,
			Before: walkSet, Cache: Metadata, Mount: walk, Direct: list(walkCount, false)},
		{Name: "walk", Title: titled("walk %d x 50 cold", 100), Strict: 1.5, Relaxed: 1.5,
			Before: walkSet, Mount: walk, Direct: list(walkCount, true)},
		{Name: "rename", Title: titled("rename %d files", 50), Strict: 1.6, Relaxed: 0.12,
			Before: renameSet, Changes: true, Mount: renameFiles, Direct: renameFilesDirect, Left: files(50, small)},
		{Name: "rename-dir", Title: titled("rename a folder of %d", 200), Strict: 1.2, Relaxed: 1.2,
			Before: dirSet, Changes: true, Mount: renameDir, Direct: renameDirDirect, Left: files(200, small)},
		{Name: "temp", Title: titled("write under another name and rename, %d x 100 KiB", 100), Relaxed: 0.08,
			Mount: tempRename, Direct: tempRenameDirect, Left: files(100, tempSize)},
		{Name: "unlink", Title: titled("unlink %d", 500), Strict: 1.1,
			Before: smallSet, Changes: true, Mount: unlinkAll, Direct: unlinkAllDirect, Left: nothing},
		{Name: "unlink-many", Title: titled("unlink %d, beside one DeleteObjects", 500), RelaxedOnly: true, Goal: "relaxed: at most 0.25 s more",
			Before: smallSet, Changes: true, Mount: unlinkAll, Direct: unlinkManyDirect, Left: nothing},
	}
}

func treeRows() []*Row {
	return []*Row{
		{Name: "names", Title: million("ls -f of %d"), Strict: 1.5, Relaxed: 1.5, Goal: "and resident under 200 MB",
			Names: true, Tree: true, Mount: listNames, Direct: listNamesDirect},
		{Name: "names-again", Title: million("ls -f of %d again"), Names: true, Tree: true, Cache: Everything,
			Mount: listNames, Direct: listNamesDirect},
		{Name: "git", Title: treed("git clone of %d files", 2000), Relaxed: 2, Disk: true, Tree: true, Mount: gitClone},
		{Name: "pip", Title: treed("pip-style tree of %d files", 3000), Relaxed: 2, Disk: true, Tree: true, Mount: pipTree,
			Left: func(s Scale) Left { return Left{s.Tree(3000), int64(s.Tree(3000)) * treeFile} }},
		{Name: "untar", Title: treed("untar %d files", 3000), Relaxed: 2, Disk: true, Tree: true, Mount: untar,
			Left: func(s Scale) Left { return Left{s.Tree(3000), int64(s.Tree(3000)) * treeFile} }},
	}
}
