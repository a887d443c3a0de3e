#!/usr/bin/env bash
# Checks how packages are made: the scripts, and that the copyright file names whatever is linked. `make
# check` runs it. With a directory, also the packages there: what is in them, and that the static program
# runs in an empty root, as it does in a container. `make release` does that. Installs nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fail() { printf '%s\n' "$*" >&2; exit 1; }
not_checked() { echo "NOT CHECKED: $1"; }

scripts=(etc/packaging/*.sh etc/packaging/debian/{preinst,postinst,prerm,postrm})
for script in "${scripts[@]}"; do
    [ -x "$script" ] || fail "$script cannot be run"
    sh -n "$script"
done
if command -v shellcheck >/dev/null; then shellcheck "${scripts[@]}"; fi

# A machine with ARMv6 is told so before anything is unpacked.
mkdir "$dir/bin"
# shellcheck disable=SC2016
printf '#!/bin/sh\necho armv6l\n' >"$dir/bin/uname"
chmod +x "$dir/bin/uname"
preinst() { PATH="$dir/bin:$PATH" DPKG_MAINTSCRIPT_ARCH=$1 etc/packaging/debian/preinst install 2>&1; }
preinst arm64 || fail "preinst refuses arm64"
if preinst armhf >"$dir/refused"; then fail "preinst lets ARMv6 pass"; fi
grep -q "needs ARMv7" "$dir/refused"

# Purging deletes the state of both services, and what dpkg does not know of the configuration.
mkdir -p "$dir/root/var/lib/private/openclaw-bridge" "$dir/root/var/lib/private/openclaw-bridge-node" \
    "$dir/root/var/lib/private/other" "$dir/root/etc/default" "$dir/root/etc/openclaw-bridge"
ln -s private/openclaw-bridge "$dir/root/var/lib/openclaw-bridge"
touch "$dir/root/etc/default/openclaw-bridge-node" "$dir/root/etc/openclaw-bridge/bridge.json5.old"
sed "s| /var/| $dir/root/var/|g; s|\"/var/|\"$dir/root/var/|g; s| /etc/| $dir/root/etc/|g" \
    etc/packaging/debian/postrm | sed 's/deb-systemd-helper\|systemctl/no-such-program/' >"$dir/postrm"
# It deletes in that directory, or is not run.
if sed "/^ *#/d; s|$dir/root/[^ \"]*||g" "$dir/postrm" | grep -E '/(etc|home|srv|usr|var)'; then
    fail "postrm names other paths"
fi
before=$(find "$dir/root" | sort)
sh "$dir/postrm" remove
[ "$(find "$dir/root" | sort)" = "$before" ] || fail "postrm remove deletes something"
sh "$dir/postrm" purge
[ "$(cd "$dir/root" && find . -not -type d -o -empty | sort)" = "./etc/default
./var/lib/private/other" ] || fail "postrm purge leaves: $(find "$dir/root")"

# `make install` puts completions where the shells look, whatever the umask, and `make uninstall` takes all away.
# shellcheck disable=SC2016
printf '#!/bin/sh\necho "$1 of $2"\n' >"$dir/program"
chmod +x "$dir/program"
(umask 077 && make -s install DESTDIR="$dir/local" program="$dir/program")
share=$dir/local/usr/local/share
grep -qx 'completions of bash' "$share/bash-completion/completions/openclaw-bridge"
grep -qx 'completions of zsh' "$share/zsh/site-functions/_openclaw-bridge"
grep -qx 'completions of fish' "$share/fish/vendor_completions.d/openclaw-bridge.fish"
closed=$(find "$dir/local/usr" -type d -not -perm 755 -o -type f -not -perm /044)
[ -z "$closed" ] || fail "make install closes to others: $closed"
make -s uninstall DESTDIR="$dir/local"
left=$(find "$dir/local" -not -type d)
[ -z "$left" ] || fail "make uninstall leaves $left"

if command -v python3 >/dev/null; then
    etc/packaging/components.py copyright >"$dir/copyright"
    # The lock file has more: what tests need, and other systems.
    linked=$(cargo tree --locked -e normal --prefix none | awk '{ sub("v", "", $2); print $1 "-" $2 }' | sort -u)
    for crate in $linked; do
        [[ $crate == openclaw-bridge-* ]] || grep -qx "Files: crates/$crate/\*" "$dir/copyright" ||
            fail "the copyright file does not name $crate"
    done
    awk '/^Files:/ { files++ } /^Copyright: ./ { holders++ } END { exit files != holders }' "$dir/copyright" ||
        fail "no copyright holder for some files"
    # Each licence that is named has its text; three lines stand between files and licence at most.
    sed -n '/^Files:/,/^License:/s/^License: //p' "$dir/copyright" | sed 's/ or /\n/g' | sort -u >"$dir/named"
    awk 'p == "" && /^License:/ { print $2 } { p = $0 }' "$dir/copyright" | sort -u | diff "$dir/named" - ||
        fail "licences and their texts in the copyright file differ"
    etc/packaging/components.py sbom "commit" 2026-01-01T00:00:00Z | python3 -c '
import json, sys
bom, linked = json.load(sys.stdin), set(sys.argv[1].split())
refs = {part["bom-ref"] for part in bom["components"]} | {bom["metadata"]["component"]["bom-ref"]}
names = {ref.split("/")[-1].replace("@", "-") for ref in refs}
assert linked <= names, linked - names
edges = {edge["ref"]: edge["dependsOn"] for edge in bom["dependencies"]}
assert set(sum(edges.values(), [])) <= refs
for part in bom["components"]:
    assert part["licenses"][0]["expression"] and ("hashes" in part or part["name"] == "rust-std"), part
' "$linked" || fail "the bill of materials is incomplete"
else
    not_checked "notices and bill of materials, because there is no python3"
fi

[ $# -gt 0 ] || exit 0
packages=$1
for deb in "$packages"/*.deb; do
    [ -e "$deb" ] || fail "no Debian package in $packages"
    root=$dir/deb
    rm -rf "$root" "$dir/install"
    dpkg-deb -R "$deb" "$root"
    # What make install installs, and nothing else but what only Debian has.
    make -s install DESTDIR="$dir/install" prefix=/usr zshdir=/usr/share/zsh/vendor-completions \
        program="$root/usr/bin/openclaw-bridge" runnable="printf %s"
    { (cd "$dir/install" && find . -type f | sed 's|\(/man[0-9]/.*\)|\1.gz|')
      printf './usr/share/doc/openclaw-bridge/%s\n' copyright changelog.gz sbom.cdx.json.gz
      echo ./etc/openclaw-bridge/bridge.json5; } | sort >"$dir/expected"
    (cd "$root" && find . -path ./DEBIAN -prune -o -type f -print | sort) | diff "$dir/expected" - ||
        fail "$deb does not contain what make install installs"
    (cd "$root" && md5sum --quiet -c DEBIAN/md5sums) || fail "$deb: wrong checksums"
    find "$root/usr" "$root/etc" -perm /022 | grep . && fail "$deb: others can write to these"
    grep -qx 'ExecStart=/usr/bin/openclaw-bridge serve' "$root/usr/lib/systemd/system/openclaw-bridge.service" ||
        fail "$deb: the unit starts another program"
    cmp etc/bridge-lan.json5 "$root/etc/openclaw-bridge/bridge.json5" || fail "$deb: another configuration"
    if command -v lintian >/dev/null; then lintian --allow-root --fail-on error,warning "$deb"; fi
done

static=$packages/openclaw-bridge-static-amd64
if [ "$(uname -m)" != x86_64 ]; then
    not_checked "the static program in an empty root, because it is for another machine"
elif ! unshare -rn true 2>/dev/null; then
    not_checked "the static program in an empty root, because there are no namespaces here"
else
    mkdir -p "$dir/image/state"
    cp "$static" "$dir/image/openclaw-bridge"
    # The same variables and command as in the image.
    field() { sed -n "s/$1 \[\(.*\)\]/\1/p" etc/Containerfile | tr -d '",'; }
    variables=$(sed -n 's/^ENV //p' etc/Containerfile)
    # shellcheck disable=SC2046,SC2086 # words without spaces
    {
        # 60 s, should nobody end it.
        env -i PATH="$PATH" $variables timeout 60 unshare -rnpf --kill-child \
            chroot "$dir/image" /openclaw-bridge $(field ^CMD) --port 0 2>"$dir/log" &
        bridge=$!
        healthy() { env -i PATH="$PATH" $variables unshare -rn chroot "$dir/image" $(field '^HEALTHCHECK.* CMD') 2>&1; }
        until healthy >"$dir/health"; do
            kill -0 $bridge 2>/dev/null || fail "the static program ends: $(cat "$dir/log")"
            sleep 0.1
        done
        kill $bridge
        wait $bridge || :
    }
    [ "$(stat -c %a "$dir/image/state/bridge")" = 700 ] || fail "the state directory of the image is open"
    (cd "$dir/image" && find . -maxdepth 1) | sort | tr '\n' ' ' | grep -qx '. ./openclaw-bridge ./state ' ||
        fail "the static program writes elsewhere"
fi

(cd "$packages" && sha256sum --quiet -c SHA256SUMS) || fail "SHA256SUMS is not of these files"
[ "$(find "$packages" -type f | wc -l)" = $(($(wc -l <"$packages/SHA256SUMS") + 1)) ] || fail "SHA256SUMS is not of all"
