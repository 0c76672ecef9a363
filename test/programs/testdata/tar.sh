#!/bin/sh
# A tree with modes, times, links and empty folders goes through tar and is the same.
set -eu
mkdir -p "$W/t/sub/deep" "$W/t/empty"
echo one >"$W/t/one"
printf '' >"$W/t/nothing"
dd if=/dev/urandom of="$W/t/sub/random" bs=1000 count=1234 2>/dev/null
ln -s one "$W/t/link"
ln -s ../one "$W/t/sub/up"
ln -s missing "$W/t/dangling"
chmod 600 "$W/t/one"
chmod 4755 "$W/t/sub/random" || true
chmod 755 "$W/t/sub/random"
chmod 500 "$W/t/sub/deep"
chmod 1777 "$W/t/empty"
touch -d '2001-02-03 04:05:06.123456789' "$W/t/one"
touch -h -d '2002-02-03 04:05:06' "$W/t/link"
touch -d '2003-03-03 03:03:03' "$W/t/sub/deep" "$W/t/empty"
touch -d '1969-12-31 23:00:00Z' "$W/t/nothing"
cd "$W"
tar --format=posix -cf "$M/t.tar" t
cmp "$M/t.tar" "$M/t.tar"
mkdir "$M/out"
tar --format=posix -xpf "$M/t.tar" -C "$M/out"
tar -df "$M/t.tar" -C "$M/out"
facts() { (cd "$1" && find . -printf '%P|%y|%m|%l|%T@|' \( -type f -printf '%s\n' -o -printf '\n' \) | sort); }
facts "$W/t" >"$W/want"
facts "$M/out/t" >"$W/got"
diff "$W/want" "$W/got"
tar -C "$M/out" -czf "$W/back.tgz" t
mkdir "$W/back"
tar -C "$W/back" -xpzf "$W/back.tgz"
diff -r --no-dereference "$W/t" "$W/back/t"
rm -rf "$M/out"
test ! -e "$M/out"
