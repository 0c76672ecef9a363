#!/bin/sh
# Files with holes.
set -eu
cd "$M"
truncate -s 50M f
test "$(stat -c %s f)" = 52428800
printf end | dd of=f bs=1 seek=52428790 conv=notrunc 2>/dev/null
printf middle | dd of=f bs=1 seek=20000000 conv=notrunc 2>/dev/null
truncate -s 50M "$W/f"
printf end | dd of="$W/f" bs=1 seek=52428790 conv=notrunc 2>/dev/null
printf middle | dd of="$W/f" bs=1 seek=20000000 conv=notrunc 2>/dev/null
cmp f "$W/f"
cp --sparse=always f g
cmp g "$W/f"
fallocate -p -o 19999000 -l 8192 f
fallocate -p -o 19999000 -l 8192 "$W/f"
cmp f "$W/f"
fallocate -l 60M f
test "$(stat -c %s f)" = 62914560
rm f g
