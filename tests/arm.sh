#!/usr/bin/env bash
# Runs the unit and the end-to-end tests for arm64 and armhf on this machine, in qemu-user; `make arm`.
# ARM="aarch64-unknown-linux-gnu" chooses one. What cannot run there is in tests/arm.txt, with
# the reason. Debian: dpkg --add-architecture arm64 && dpkg --add-architecture armhf && apt update && apt install
# qemu-user-static gcc-aarch64-linux-gnu gcc-arm-linux-gnueabihf libgcc-s1:arm64 libgcc-s1:armhf
set -euo pipefail
cd "$(dirname "$0")/.."
fail() { echo "error: $*" >&2; exit 1; }

# Starts of programs and every instruction take far longer.
export TESTS_PATIENCE=${TESTS_PATIENCE:-6}
threads=${THREADS:-$(nproc)}
for target in ${ARM:-aarch64-unknown-linux-gnu armv7-unknown-linux-gnueabihf}; do
    case $target in
    aarch64-*) gcc=aarch64-linux-gnu-gcc loader=/lib/ld-linux-aarch64.so.1 ;;
    *) gcc=arm-linux-gnueabihf-gcc loader=/lib/ld-linux-armhf.so.3 ;;
    esac
    command -v $gcc >/dev/null || fail "there is no $gcc; the first lines of $0 say what is needed"
    # The tests start the program, so it has to run without a word about qemu.
    $loader --version >/dev/null 2>&1 || fail "this machine does not run $loader: install its libc and qemu-user-static"
    name=${target//-/_}
    # For the faults, which are a library in the program.
    export TESTS_CC=$gcc
    export "CARGO_TARGET_${name^^}_LINKER=$gcc" "CC_$name=$gcc"
    mapfile -t skips < <(sed -n 's/^\([a-z0-9_:]*\)  .*/--skip=\1/p' tests/arm.txt)
    echo "== $target, without ${#skips[@]} tests"
    cargo build --quiet --target "$target" --examples
    cargo test --target "$target" --lib --test e2e --no-fail-fast -- --test-threads="$threads" "${skips[@]}"
done
