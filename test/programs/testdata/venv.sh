#!/bin/sh
# A virtual environment, and a tree of modules as pip writes it.
set -eu
cd "$M"
"$PYTHON" -m venv --without-pip v
test "$(v/bin/python -c 'import sys; print(sys.prefix)')" = "$M/v"
site=$(v/bin/python -c 'import site; print(site.getsitepackages()[0])')
lib=$("$PYTHON" -c 'import json, os; print(os.path.dirname(os.path.dirname(json.__file__)))')
for package in json email html http logging; do
	cp -r "$lib/$package" "$site/pip_$package"
	mkdir "$site/pip_$package.dist-info"
	printf 'Name: pip_%s\n' "$package" >"$site/pip_$package.dist-info/METADATA.tmp"
	mv "$site/pip_$package.dist-info/METADATA.tmp" "$site/pip_$package.dist-info/METADATA"
	find "$site/pip_$package" -type f >"$site/pip_$package.dist-info/RECORD"
done
v/bin/python -m compileall -q "$site"
v/bin/python -c 'import pip_json; assert pip_json.loads("[1]") == [1]'
printf '#!%s/v/bin/python\nprint("entry")\n' "$M" >v/bin/entry
chmod 755 v/bin/entry
test "$(v/bin/entry)" = entry
rm -r "$site/pip_http"
test ! -e "$site/pip_http"
