#!/bin/sh
# test.sh installs what the tests need and runs them all, ending with the lines of go test. See ./test.sh --help.
# shellcheck disable=SC2317,SC2329 # step calls functions by their names
set -eu

STATICCHECK=v0.8.2 # of honnef.co/go/tools
SANDBOX_BYTES=20000000 # a sandbox's template carries the binary, so its size is a promise
FUZZ_SECONDS=30

usage() {
	cat <<'TEXT'
usage: ./test.sh [--quick | --long]

  --quick  what a change needs before it is shown: formatting, vet and the tests with small counts, some minutes
  --long   as without, and fuzzing for five minutes each
TEXT
}

die() {
	echo "test.sh: $*" >&2
	exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# step runs a command with its output in a log, and shows that only if it fails.
step() {
	name=$1
	shift
	began=$(date +%s)
	printf '== %s ' "$name"
	set +e # a list with || would switch it off inside, too
	(
		set -e
		"$@"
	) >"$work/log" 2>&1
	code=$?
	set -e
	if [ $code -ne 0 ]; then
		printf 'FAILED (code %s, %s s)\n' "$code" $(($(date +%s) - began))
		cat "$work/log"
		die "$name failed"
	fi
	printf '(%s s)\n' $(($(date +%s) - began))
}

# need_packages installs the programs that the suites run, as far as they are missing.
need_packages() {
	missing=
	for pair in rsync:rsync sqlite3:sqlite3 git:git gcc:gcc python3:python3 shellcheck:shellcheck setfattr:attr setfacl:acl; do
		have "${pair%%:*}" || missing="$missing ${pair#*:}"
	done
	have vim.tiny || have vim || missing="$missing vim-tiny"
	if have apt-get && have dpkg; then
		echo 'int main(void){return 0;}' >"$work/c.c"
		gcc -o "$work/c" "$work/c.c" 2>/dev/null || missing="$missing libc6-dev" # for the race detector
		python3 -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
	fi
	[ -n "$missing" ] || return 0
	if ! have apt-get; then
		echo "test.sh: please install what corresponds to:$missing; tests that need it are skipped" >&2
		return 0
	fi
	sudo=
	if [ "$(id -u)" -ne 0 ]; then
		have sudo || die "needs root or sudo to install:$missing"
		sudo=sudo
	fi
	echo "== installing$missing"
	# shellcheck disable=SC2086 # the names are words
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q $missing >"$work/log" 2>&1 || {
		$sudo apt-get update -q >"$work/log" 2>&1
		$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q $missing >>"$work/log" 2>&1 || {
			cat "$work/log"
			die "cannot install:$missing"
		}
	}
}

formatted() {
	gofmt -d . >"$work/gofmt"
	cat "$work/gofmt"
	[ ! -s "$work/gofmt" ]
}

scripts() { shellcheck install.sh test.sh .ci/run bench/run.sh test/programs/testdata/*.sh; }

static_check() {
	bin="${XDG_CACHE_HOME:-$HOME/.cache}/sentientfs/tools"
	[ -x "$bin/staticcheck-$STATICCHECK" ] || {
		GOBIN=$work go install "honnef.co/go/tools/cmd/staticcheck@$STATICCHECK"
		mkdir -p "$bin"
		mv "$work/staticcheck" "$bin/staticcheck-$STATICCHECK"
	}
	"$bin/staticcheck-$STATICCHECK" ./...
}

cross() {
	GOOS=darwin GOARCH=arm64 go vet ./...
	GOOS=linux GOARCH=arm64 CGO_ENABLED=0 go build -o "$work/arm64" ./cmd/sentientfs
	GOOS=darwin GOARCH=arm64 CGO_ENABLED=0 go build -o "$work/darwin" ./cmd/sentientfs
	rm -f "$work/arm64" "$work/darwin"
}

sandbox_size() {
	CGO_ENABLED=0 go build -tags sandbox -trimpath -ldflags '-s -w' -o "$work/sandbox" ./cmd/sentientfs
	size=$(wc -c <"$work/sandbox")
	rm -f "$work/sandbox"
	echo "$size bytes"
	echo "at most $SANDBOX_BYTES"
	[ "$size" -le "$SANDBOX_BYTES" ]
}

# fuzz runs every fuzz target for $1, two at a time.
fuzz() {
	grep -rl --include='*_test.go' '^func Fuzz' . | sort | while read -r file; do
		sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file" | while read -r target; do
			echo "$target $(dirname "$file")"
		done
	done >"$work/targets"
	# shellcheck disable=SC2016 # the inner shell expands
	xargs -P 2 -L 1 sh -c 'go test -run "^$" -fuzz "^$2\$" -fuzztime "$1" -parallel 1 "$3" >"$0/fuzz-$2" 2>&1 ||
		{ cat "$0/fuzz-$2"; exit 1; }' "$work" "$1" <"$work/targets"
}

# go_test runs go test and shows its results and the figures of the suites as they come; all it said if it fails.
go_test() {
	rm -f "$work/code"
	{ go test -v "$@" 2>&1 || echo $? >"$work/code"; } | tee "$work/go-test" |
		grep --line-buffered -E '^(ok|FAIL|panic:|[?]  |figure:|--- FAIL)' || true
	[ -s "$work/code" ] || return 0
	echo '== what failed said:'
	grep -v -E '^ *(=== |--- (PASS|SKIP)|PASS$)' "$work/go-test"
	return "$(cat "$work/code")"
}

# again runs a command, and once more where it failed on a machine for CI: these are shared, and a suite that kills,
# stops and cuts off processes may meet a pause that nobody foresaw. What fails twice has failed, and both are shown.
again() {
	"$@" && return 0
	[ "${CI-}" = true ] || return 1
	echo '== that failed; once more'
	"$@"
}

# failed_packages are those of the last go_test.
failed_packages() { sed -n 's/^FAIL[[:space:]]\([^[:space:]]*\/[^[:space:]]*\).*/\1/p' "$work/go-test" | sort -u; }

# go_test_all runs all tests, in CI the packages that failed a second time, one after the other.
go_test_all() {
	go_test "$@" ./... && return 0
	again_for=$(failed_packages)
	{ [ "${CI-}" = true ] && [ -n "$again_for" ]; } || return 1
	echo "== once more: $again_for"
	mv "$work/go-test" "$work/go-test-first"
	# shellcheck disable=SC2086 # the packages are words
	go_test "$@" -p 1 $again_for || return 1
	grep -v -E '^(FAIL|panic:|--- FAIL)' "$work/go-test-first" >>"$work/go-test"
	echo "== passed at the second try only: $again_for"
}

# summary repeats the results alone, as the last lines.
summary() {
	echo "== all of it took $(($(($(date +%s) - started)) / 60)) minutes and $((($(date +%s) - started) % 60)) seconds; go test said:"
	grep '^figure:' "$work/go-test" || true
	grep -E '^(ok|FAIL|panic:|--- FAIL)' "$work/go-test"
}

main() {
	mode=default
	case ${1-} in
	'') ;;
	--quick) mode=quick ;;
	--long)
		mode=long
		FUZZ_SECONDS=300
		;;
	-h | --help)
		usage
		exit 0
		;;
	*)
		usage >&2
		die "does not know $1"
		;;
	esac
	cd "$(dirname "$0")"
	started=$(date +%s)
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	trap 'exit 130' INT TERM
	# The keys and settings of whoever runs this are none of the tests' business.
	for v in $(env | sed -n -e 's/^\(AWS_[A-Z0-9_]*\)=.*/\1/p' -e 's/^\(SENTIENTFS_[A-Z0-9_]*\)=.*/\1/p'); do
		unset "$v"
	done
	need_packages
	go=$(./install.sh --tools)
	PATH="$(dirname "$go"):$PATH"
	export PATH

	step gofmt formatted
	step vet go vet ./...
	if [ $mode = quick ]; then
		go_test -short -timeout 40m ./cmd/... ./fs/... ./s3backend/... ./internal/... ./test/harness ./test/posix ./test/wirecount
		exit 0
	fi
	step 'vet for sandboxes' go vet -tags sandbox ./...
	step shellcheck scripts
	step staticcheck static_check
	step 'macOS and arm64' cross
	step 'size for sandboxes' sandbox_size
	step 'race detector' again go test -race -short -p 2 -timeout 40m ./fs/... ./s3backend/... ./internal/...
	step 'race detector in real mounts' again go test -race -short -p 1 -timeout 40m ./test/semantics ./test/twomount ./test/model ./test/posix
	step 'one processor' again env GOMAXPROCS=1 go test -short -p 2 -timeout 40m ./fs/... ./s3backend/... ./internal/...
	step "fuzzing, $FUZZ_SECONDS s each" fuzz "${FUZZ_SECONDS}s"
	echo '== go test ./...'
	code=0
	go_test_all -p 2 -timeout 40m || code=$?
	summary
	exit "$code"
}

main "$@"
