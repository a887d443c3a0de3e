#!/bin/sh
# Builds the program for other machines: build.sh TARGET... with Rust's names, such as
# aarch64-unknown-linux-gnu. What links glibc runs with 2.28 and later; musl is linked into the file.
# Needs Rust (rustup) and python3; the rest it fetches into the target directory, by tools.txt.
# The same commit gives the same bytes wherever it is built with the same Rust.
set -eu
umask 022
cd "$(dirname "$0")/../.."
fail() { echo "error: $*" >&2; exit 1; }
glibc=2.28
target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target"
target=$(cd "$target" && pwd)
tools=$target/packaging-tools

if ! cmp -s etc/packaging/tools.txt "$tools/tools.txt"; then
    echo "fetching zig and cargo-zigbuild into $tools"
    command -v python3 >/dev/null || fail "zig is fetched with python3: install it"
    rm -rf "$tools"
    python3 -m venv "$tools" || fail "install what python3 asks for, such as python3-venv"
    "$tools/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: \
        --require-hashes --requirement etc/packaging/tools.txt
    cp etc/packaging/tools.txt "$tools/tools.txt"
fi
for name in "$@"; do
    [ -d "$(rustc --print target-libdir --target "$name")" ] && continue
    echo "fetching Rust's library for $name"
    command -v rustup >/dev/null || fail "no library for $name, and no rustup to fetch it"
    rustup target add "$name"
done
cargo fetch --quiet --locked

# No path of this machine gets into the program, nor what it sets for its own builds.
unset RUSTFLAGS CFLAGS CXXFLAGS LDFLAGS CC CXX AR CARGO_BUILD_TARGET
unit=$(printf '\037')
sysroot=$(rustc --print sysroot)
rust=$(rustc -vV | sed -n 's/^commit-hash: //p')
add() { flags=${flags:+$flags$unit}$1; }
# A longer path counts before a shorter one if it comes later.
set_flags() {
    flags=
    add "--remap-path-prefix=$PWD=."
    add "--remap-path-prefix=$target=target"
    add "--remap-path-prefix=$sysroot/lib/rustlib/src/rust=/rustc/$rust"
    for crates in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*; do
        add "--remap-path-prefix=$crates=crates"
    done
    case $1 in
    *-musl)
        # With the musl and the linker of Rust itself; zig's make no file that can be loaded anywhere.
        add -Clinker=rust-lld
        add -Clinker-flavor=ld.lld
        ;;
    esac
    case $1 in
    aarch64-*-musl)
        # What rustc does for x86_64 by itself.
        own=$sysroot/lib/rustlib/$1/lib/self-contained
        add -Crelocation-model=pic
        add -Clink-self-contained=no
        add "-L$own"
        for argument in -pie --no-dynamic-linker -ztext "$own/rcrt1.o" "$own/crti.o" "$own/crtn.o"; do
            add "-Clink-arg=$argument"
        done
        ;;
    esac
}
export CARGO_TARGET_DIR="$target" PATH="$tools/bin:$PATH"

for name in "$@"; do
    echo "building for $name"
    set_flags "$name"
    case $name in
    *-gnu*) version=.$glibc ;;
    *) version= ;;
    esac
    CARGO_ENCODED_RUSTFLAGS=$flags \
        cargo zigbuild --quiet --locked --release --bin openclaw-bridge --target "$name$version"
    program=$target/$name/release/openclaw-bridge
    # Position-independent, whole, and not for newer machines than promised.
    LC_ALL=C readelf -hW "$program" | grep -q 'Type: *DYN' || fail "$program is not position-independent"
    needs=$(LC_ALL=C readelf -dW "$program" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
    case $name in
    *-musl*) [ -z "$needs" ] || fail "$program needs $needs" ;;
    *)
        other=$(echo "$needs" | grep -Ev '^(ld-linux.*|lib(c|m|dl|rt|pthread|util)\.so\.[0-9])$' || :)
        [ -z "$other" ] || fail "$program needs $other"
        newest=$(LC_ALL=C readelf -VW "$program" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -n 1)
        [ "$(printf '%s\n' "GLIBC_$glibc" "$newest" | sort -V | tail -n 1)" = "GLIBC_$glibc" ] ||
            fail "$program needs $newest"
        ;;
    esac
done
