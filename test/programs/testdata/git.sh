#!/bin/sh
# A repository's life: init, commit, branch, merge, gc, fsck, clone.
set -eu
cd "$M"
git init -q -b main repo
cd repo
for i in 1 2 3 4 5 6 7 8 9 10; do
	mkdir -p "d$i"
	echo "line $i" >"d$i/file"
	echo "$i" >>log
	git add -A
	git commit -qm "change $i"
done
printf '#!/bin/sh\necho ran\n' >run.sh
chmod +x run.sh
git add run.sh
git commit -qm 'a program'
test "$(git ls-files -s run.sh | cut -c1-6)" = 100755
test "$(./run.sh)" = ran
git checkout -qb side HEAD~3
echo side >side
git add side
git commit -qm side
git checkout -q main
git merge -q --no-edit side
test -z "$(git status --porcelain)"
git gc -q --prune=now
git fsck --strict --full
git clone -q "$M/repo" "$M/clone"
git clone -q "file://$M/repo" "$W/clone"
test "$(git -C "$M/clone" rev-parse HEAD)" = "$(git rev-parse HEAD)"
git -C "$M/clone" fsck --full
diff -r --exclude=.git "$M/repo" "$W/clone"
git -C "$W/clone" commit -q --allow-empty -m pushed
git -C "$W/clone" push -q origin HEAD:refs/heads/pushed
git rev-parse -q --verify pushed
git stash list
rm -rf "$M/clone"
test ! -e "$M/clone"
