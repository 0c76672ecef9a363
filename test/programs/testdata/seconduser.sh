#!/bin/sh
# Another user, with allow_other: the modes decide.
set -eu
cd "$M"
as() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
echo public >public
echo secret >secret
chmod 644 public
chmod 600 secret
mkdir drop closed
chmod 777 drop
chmod 700 closed
echo in >closed/in
test "$(as cat public)" = public
if as cat secret; then exit 1; fi
if as sh -c 'echo x >>public'; then exit 1; fi
if as touch new; then exit 1; fi
if as rm -f public; then exit 1; fi
if as cat closed/in; then exit 1; fi
if as chmod 666 public; then exit 1; fi
as sh -c 'echo theirs >drop/theirs'
test "$(cat drop/theirs)" = theirs
test "$(cat public)" = public
chmod 666 public
as sh -c 'echo more >>public'
test "$(cat public)" = 'public
more'
