#!/bin/sh
# run.sh builds sentientfs and measures it beside a direct client, the local disk and other mounts.
# See bench/run.sh --help.
set -eu

# What a full run is given: the budget ends the rounds, so that all of it stays under 20 minutes.
BUDGET=14m
ROUNDS=3
COUNTS=0.4 # files and calls: each is a round trip or more, for s3fs up to ten; ratios are those of the whole number
TREES=0.05 # git, pip and untar
QUICK_SCALE=0.05

usage() {
	cat <<'TEXT'
usage: bench/run.sh [--quick] [--install] [--out DIR] [--write-doc] [-- FLAGS]

  --quick      small work, one round: a look at the ratios within some minutes
  --install    install s3fs and rclone from the system's packages; they are measured wherever they are installed
  --out DIR    write results.jsonl, table.md and ratios.svg into DIR (default: a new folder below /tmp)
  --write-doc  put the results into docs/PERFORMANCE.md
               a run without --quick has whole sizes and 0.4 of the counts; -- --counts 1 --trees 1 takes an hour
  -- FLAGS     more flags of sentientfs bench, such as: -- --rows 'read.*' --target strict
TEXT
}

die() {
	echo "bench/run.sh: $*" >&2
	exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# install_rivals installs what is missing.
install_rivals() {
	have apt-get || die "cannot install s3fs and rclone: there is no apt-get; install them by hand"
	sudo=
	if [ "$(id -u)" -ne 0 ]; then
		have sudo || die "needs root or sudo to install"
		sudo=sudo
	fi
	for name in s3fs rclone; do
		have "$name" || $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q "$name" >&2 || {
			$sudo apt-get update -q >&2
			$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q "$name" >&2
		}
	done
}

main() {
	install='' quick='' out='' doc=''
	while [ $# -gt 0 ]; do
		case $1 in
		--quick) quick=1 ;;
		--install) install=1 ;;
		--write-doc) doc=1 ;;
		--out)
			[ $# -ge 2 ] || die "--out needs a folder"
			out=$2
			shift
			;;
		-h | --help)
			usage
			exit 0
			;;
		--)
			shift
			break
			;;
		*)
			usage >&2
			die "does not know $1"
			;;
		esac
		shift
	done
	[ -z "$out" ] || {
		mkdir -p "$out"
		out=$(cd "$out" && pwd)
	}
	cd "$(dirname "$0")/.."
	[ -z "$install" ] || install_rivals
	[ -n "$out" ] || out=$(mktemp -d /tmp/sentientfs-bench-out-XXXXXX)
	go=$(./install.sh --tools)
	"$go" build -trimpath -o "$out/sentientfs" ./cmd/sentientfs

	if have s3fs; then
		set -- --rival 's3fs=s3fs {bucket} {dir} -f -o url={endpoint},endpoint=us-east-1,use_path_request_style,use_cache={cache}' "$@"
	fi
	if have rclone; then
		set -- --rival 'rclone=rclone mount :s3:{bucket} {dir} --s3-provider Other --s3-env-auth --s3-region us-east-1 --s3-endpoint {endpoint} --vfs-cache-mode full --cache-dir {cache}' "$@"
	fi
	[ -z "$doc" ] || set -- --write-doc docs/PERFORMANCE.md "$@"
	if [ -n "$quick" ]; then
		set -- --scale "$QUICK_SCALE" --rounds 1 "$@"
	else
		set -- --rounds "$ROUNDS" --counts "$COUNTS" --trees "$TREES" --budget "$BUDGET" "$@"
	fi
	code=0
	"$out/sentientfs" bench --out "$out" "$@" || code=$?
	rm -f "$out/sentientfs"
	[ $code -ne 0 ] || echo "the results are in $out"
	exit $code
}

main "$@"
