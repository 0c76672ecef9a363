#!/bin/sh
# install.sh builds sentientfs and installs it, with what it needs from the system. Running it again changes nothing
# that is up to date. See ./install.sh --help.
set -eu

usage() {
	cat <<'TEXT'
usage: ./install.sh [--prefix DIR] [--demo [--check]] [--tools]

  --prefix DIR  install DIR/bin/sentientfs (default: /usr/local for root, else ~/.local)
  --demo        install nothing but build, then run the demo: an S3 server, a mount and a self-check,
                no account needed; Ctrl-C ends it
  --check       with --demo: end after the self-check, with its result
  --tools       only get FUSE and Go, and print the path of the go command
TEXT
}

say() { echo "install.sh: $*" >&2; }
die() {
	say "$*"
	exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# as_root runs a command as root, by sudo if need be.
as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif have sudo; then
		sudo "$@"
	else
		die "needs root for: $*"
	fi
}

# packages installs packages, given as NAMES for each of apt, dnf, apk, pacman and zypper.
packages() {
	if have apt-get; then
		say "installing $1"
		# An index that is too old to have the package is fetched again.
		# shellcheck disable=SC2086 # the names are words
		as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q $1 >/dev/null 2>&1 || {
			as_root apt-get update -q >/dev/null
			as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q $1 >/dev/null
		}
	elif have dnf; then
		# shellcheck disable=SC2086
		as_root dnf install -y -q $2
	elif have apk; then
		# shellcheck disable=SC2086
		as_root apk add -q $3
	elif have pacman; then
		# shellcheck disable=SC2086
		as_root pacman -S --needed --noconfirm $4
	elif have zypper; then
		# shellcheck disable=SC2086
		as_root zypper --non-interactive --quiet install $5
	else
		die "knows no package manager here; please install: $1"
	fi
}

get_fuse() {
	if [ "$(uname -s)" = Darwin ]; then
		[ -d /Library/Filesystems/macfuse.fs ] ||
			die "macFUSE is missing: brew install --cask macfuse, allow its extension in System Settings, restart"
		return
	fi
	have fusermount3 || packages fuse3 fuse3 fuse3 fuse3 fuse3
	if [ ! -e /dev/fuse ]; then
		as_root modprobe fuse 2>/dev/null || true
		[ -e /dev/fuse ] || die "there is no /dev/fuse; in a container, start it with --device /dev/fuse --cap-add SYS_ADMIN"
	fi
}

# go_works tells whether a go command can fetch the release that go.mod names, as all since 1.21 do.
go_works() {
	v=$("$1" env GOVERSION 2>/dev/null) || return 1
	minor=$(echo "$v" | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
	[ -n "$minor" ] && [ "$minor" -ge 21 ]
}

cache_dir() { echo "${XDG_CACHE_HOME:-$HOME/.cache}/sentientfs"; }

# get_go prints the path of a go command and gets one if there is none.
get_go() {
	own="$(cache_dir)/go/bin/go"
	for go in go /usr/local/go/bin/go /usr/lib/go/bin/go "$own"; do
		if have "$go" && go_works "$go"; then
			command -v "$go"
			return
		fi
	done
	packages golang-go golang go go go >&2 || true
	if have go && go_works go; then
		command -v go
		return
	fi
	say "the distribution's Go is missing or too old; fetching Go from the module proxy"
	fetch_go >&2
	echo "$own"
}

# fetch_go fetches the Go release of go.mod as a module and checks it against the checksum database.
fetch_go() {
	os=$(uname -s | tr '[:upper:]' '[:lower:]')
	case $(uname -m) in
	x86_64 | amd64) arch=amd64 ;;
	aarch64 | arm64) arch=arm64 ;;
	*) die "there is no Go for $(uname -m) that this script knows of" ;;
	esac
	have curl || packages curl curl curl curl curl
	have unzip || packages unzip unzip unzip unzip unzip
	version="v0.0.1-go$(sed -n 's/^go //p' go.mod).$os-$arch"
	tmp=$(mktemp -d)
	curl -fsSL -o "$tmp/go.zip" "https://proxy.golang.org/golang.org/toolchain/@v/$version.zip"
	(cd "$tmp" && unzip -q go.zip)
	want=$(curl -fsSL "https://proxy.golang.org/sumdb/sum.golang.org/lookup/golang.org/toolchain@$version" |
		sed -n "s|^golang.org/toolchain $version h1:||p")
	got=$(dir_hash "$tmp" golang.org)
	if [ -z "$want" ] || [ "$got" != "$want" ]; then
		rm -rf "$tmp"
		die "the Go that came has the checksum $got, not $want"
	fi
	mkdir -p "$(cache_dir)"
	rm -rf "$(cache_dir)/go"
	mv "$tmp/golang.org/toolchain@$version" "$(cache_dir)/go"
	chmod -R u+w "$(cache_dir)/go"
	chmod +x "$(cache_dir)"/go/bin/* "$(cache_dir)"/go/pkg/tool/*/* 2>/dev/null || true
	rm -rf "$tmp"
}

# dir_hash prints what go.sum has behind h1: for the files below $2 in $1.
dir_hash() {
	hex=$(cd "$1" && find "$2" -type f | LC_ALL=C sort | tr '\n' '\0' | xargs -0 sha256sum | sha256sum | cut -c1-64)
	while [ -n "$hex" ]; do
		rest=${hex#??}
		# shellcheck disable=SC2059 # the format is the byte
		printf "\\$(printf %03o "0x${hex%"$rest"}")"
		hex=$rest
	done | base64
}

describe() { git describe --tags --always --dirty 2>/dev/null || echo devel; }

# get_release fetches the binary of the release that this checkout is, if it is one and there is one.
get_release() {
	tag=$(git describe --tags --exact-match 2>/dev/null) || return 1
	[ -z "$(git status --porcelain 2>/dev/null)" ] && have curl && have sha256sum || return 1
	name="sentientfs-$(uname -s | tr '[:upper:]' '[:lower:]')-$(uname -m)"
	url="https://github.com/sentient-agi/sentientfs/releases/download/$tag/$name"
	curl -fsSL -o bin/sentientfs.new "$url" 2>/dev/null || return 1
	want=$(curl -fsSL "$url.sha256" | cut -c1-64)
	[ "$(sha256sum bin/sentientfs.new | cut -c1-64)" = "$want" ] || die "$url has not the checksum that goes with it"
	chmod 755 bin/sentientfs.new
	mv bin/sentientfs.new bin/sentientfs
	say "took the binary of release $tag"
}

# build makes bin/sentientfs. A release binary is taken only where there is no Go.
build() {
	mkdir -p bin
	if ! have go && [ ! -x "$(cache_dir)/go/bin/go" ] && get_release; then
		return
	fi
	go=$(get_go)
	say "building bin/sentientfs $(describe)"
	CGO_ENABLED=0 "$go" build -trimpath -ldflags "-s -w -X main.release=$(describe)" -o bin/sentientfs ./cmd/sentientfs
}

# install_to copies the binary to $1/bin, and tells mount(8) of it where that is possible.
install_to() {
	run=''
	if ! mkdir -p "$1/bin" 2>/dev/null || [ ! -w "$1/bin" ]; then
		run=as_root
	fi
	$run mkdir -p "$1/bin"
	if ! cmp -s bin/sentientfs "$1/bin/sentientfs"; then
		$run cp bin/sentientfs "$1/bin/sentientfs.new"
		$run mv "$1/bin/sentientfs.new" "$1/bin/sentientfs" # a running mount keeps the old one
	fi
	if [ "$1" = /usr/local ] && [ "$(id -u)" -eq 0 ] && [ "$(uname -s)" = Linux ]; then
		ln -sf "$1/bin/sentientfs" /sbin/mount.fuse.sentientfs # for fstab lines of the type fuse.sentientfs
	fi
	say "installed $1/bin/sentientfs $("$1/bin/sentientfs" version | cut -d' ' -f2)"
	case ":$PATH:" in
	*":$1/bin:"*) ;;
	*) say "add $1/bin to PATH" ;;
	esac
}

main() {
	demo='' check='' tools='' prefix=''
	while [ $# -gt 0 ]; do
		case $1 in
		--demo) demo=1 ;;
		--check) check=--check ;;
		--tools) tools=1 ;;
		--prefix)
			[ $# -ge 2 ] || die "--prefix needs a folder"
			prefix=$2
			shift
			;;
		--prefix=*) prefix=${1#--prefix=} ;;
		-h | --help)
			usage
			exit 0
			;;
		*)
			usage >&2
			die "does not know $1"
			;;
		esac
		shift
	done
	if [ -n "$check" ] && [ -z "$demo" ]; then
		die "--check goes with --demo"
	fi
	if [ -n "$prefix" ]; then
		case $prefix in /*) ;; *) prefix=$PWD/$prefix ;; esac
	elif [ "$(id -u)" -eq 0 ]; then
		prefix=/usr/local
	else
		prefix=$HOME/.local
	fi
	cd "$(dirname "$0")"
	get_fuse
	if [ -n "$tools" ]; then
		get_go
		exit 0
	fi
	build
	if [ -z "$demo" ]; then
		install_to "$prefix"
		exit 0
	fi
	exec bin/sentientfs demo ${check:+"$check"}
}

main "$@"
