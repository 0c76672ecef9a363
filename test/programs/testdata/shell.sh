#!/bin/sh
# Redirections.
set -eu
cd "$M"
echo one >f
test "$(cat f)" = one
echo two >>f
test "$(cat f)" = 'one
two'
sh -c 'echo three; echo four >&2' >>f 2>&1
test "$(wc -l <f)" = 4
: >f
test ! -s f
cat >f <<'TEXT'
here
TEXT
test "$(cat f)" = here
(set -C; if echo no >f; then exit 1; fi) 2>/dev/null
test "$(cat f)" = here
exec 3<>f
echo HERE >&3
exec 3>&-
test "$(cat f)" = HERE
(echo a; echo b) | tee t1 >t2
cmp t1 t2
for i in 1 2 3; do echo "$i"; done >loop
test "$(cat loop)" = '1
2
3'
seq 1 100000 | sort -rn >sorted
test "$(head -n 1 sorted)" = 100000
sort -n sorted -o sorted
test "$(head -n 1 sorted)" = 1
sed -i s/HERE/there/ f
test "$(cat f)" = there
(echo x; echo y) >g & (echo z) >h & wait
test "$(cat g h | wc -l)" = 3
touch new
test -e new && test ! -s new
mkdir -p p/q/r
rm -r p
test ! -e p
rm f
if cat f 2>/dev/null; then exit 1; fi
echo "it is back" >f
test "$(cat f)" = 'it is back'
truncate -s 3 f
test "$(cat f)" = 'it '
