#!/bin/sh
# rsync -a in and out; a second run finds nothing to do; a change is found, a removal too.
set -eu
mkdir -p "$W/t/d"
seq 1 5000 >"$W/t/a"
seq 1 9999 >"$W/t/d/b"
ln -s d/b "$W/t/link"
chmod 751 "$W/t/a"
touch -d '2011-11-11 11:11:11' "$W/t/a"
rsync -a "$W/t/" "$M/t/"
diff -r --no-dereference "$W/t" "$M/t"
test -z "$(rsync -ai "$W/t/" "$M/t/")"
echo more >>"$W/t/a"
rm "$W/t/d/b"
rsync -a --delete "$W/t/" "$M/t/"
diff -r --no-dereference "$W/t" "$M/t"
rsync -a --inplace --no-whole-file "$W/t/" "$M/t/"
rsync -a "$M/t/" "$W/back/"
diff -r --no-dereference "$W/t" "$W/back"
test "$(stat -c %a "$M/t/a")" = 751
