#!/bin/sh
# An editor's save: a backup by renaming, a new file, the old mode, no backup left.
set -eu
cd "$M"
printf 'alpha\n' >f
chmod 750 f
vi=$(command -v vim.tiny || command -v vim || true)
if [ -n "$vi" ]; then
	for how in yes no; do
		printf 'alpha\n' >"v$how"
		chmod 750 "v$how"
		"$vi" -N -u NONE -es -c 'set nocompatible writebackup nobackup' -c "set backupcopy=$how" -c 's/alpha/beta/' -c wq "v$how" </dev/null
		test "$(cat "v$how")" = beta
		test "$(stat -c %a "v$how")" = 750
		test ! -e "v$how~"
	done
fi
# The same by hand, as vim does it with backupcopy=no.
: >"4913"
chmod 750 4913
rm 4913
mv f f~
printf 'beta\n' >f
chmod 750 f
sync f
rm f~
test "$(cat f)" = beta
test "$(stat -c %a f)" = 750
test ! -e f~
