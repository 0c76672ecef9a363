#!/bin/sh
# A program is compiled in the mount and run from it, while it is written anew too.
set -eu
cd "$M"
cat >p.c <<'C'
#include <stdio.h>
#include "p.h"
int main(void) { puts(TEXT); return 7; }
C
echo '#define TEXT "hello"' >p.h
gcc -O1 -o p p.c
code=0
test "$(./p || true)" = hello
./p >/dev/null || code=$?
test $code = 7
echo '#define TEXT "again"' >p.h
gcc -c p.c -o p.o
gcc -o p p.o
test "$(./p || true)" = again
ar rcs libp.a p.o
ar t libp.a | grep -qx p.o
chmod -x p
if ./p; then exit 1; fi
