#!/bin/sh
# Long and odd names.
set -eu
cd "$M"
long=$(printf '%0255d' 0)
echo long >"$long"
test "$(cat "$long")" = long
mv "$long" "${long%?}1"
test "$(ls)" = "${long%?}1"
rm "${long%?}1"
if (echo toolong >"0$long") 2>err; then exit 1; fi
grep -qi 'too long' err
rm err
mkdir odd
cd odd
for name in ' space ' 'tab	tab' 'new
line' 'per%20cent%' 'plus+' 'amp&amp;' '-dash' '#hash' '?q=1' "quote'" 'dq"' 'back\slash' 'äöü€𝄞' '...' '.hidden' 'dot.' 'a:b' '*' '~'; do
	echo "$name" >"./$name"
	test "$(cat "./$name")" = "$name"
	mkdir "./$name.d"
	echo in >"./$name.d/$name"
	mv "./$name" "./$name.d/moved"
	test "$(cat "./$name.d/moved")" = "$name"
done
test "$(find . -mindepth 1 -maxdepth 1 -print0 | tr -cd '\0' | wc -c)" = 19
find . -type f -print0 | xargs -0 cat >/dev/null
cd ..
rm -r odd
