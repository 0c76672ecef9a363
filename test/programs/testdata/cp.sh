#!/bin/sh
# cp -a in, within and out keeps modes, times, links and bytes.
set -eu
mkdir -p "$W/t/d/e"
seq 1 20000 >"$W/t/seq"
echo x >"$W/t/d/e/x"
chmod 640 "$W/t/d/e/x"
touch -d '2010-10-10 10:10:10.5' "$W/t/d/e/x" "$W/t/d"
ln -s d/e/x "$W/t/link"
cp -a "$W/t" "$M/t"
cp -a "$M/t" "$M/u"
cp -a "$M/u" "$W/u"
facts() { (cd "$1" && find . -printf '%P|%y|%m|%l|%T@|' \( -type f -printf '%s\n' -o -printf '\n' \) | sort); }
facts "$W/t" >"$W/want"
for d in "$M/t" "$M/u" "$W/u"; do
	facts "$d" >"$W/got"
	diff "$W/want" "$W/got"
	diff -r --no-dereference "$W/t" "$d"
done
cp "$M/t/seq" "$M/t/seq2"
cmp "$M/t/seq" "$M/t/seq2"
mv "$M/t" "$M/moved"
diff -r --no-dereference "$W/t" "$M/moved" | grep -q 'seq2'
mv "$M/moved/seq" "$W/seq"
cmp "$W/seq" "$W/t/seq"
test ! -e "$M/moved/seq"
