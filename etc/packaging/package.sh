#!/bin/sh
# Makes packages in target/packages: `package.sh deb ARCH...` for Debian's amd64, arm64 and armhf,
# `package.sh tar TARGET...` to unpack in /usr/local, `package.sh release` all of them, with the bill of
# materials and checksums. They contain what `make install` installs, so plain dpkg-deb is enough.
# The Makefile sets OPENCLAW_BRIDGE_COMMIT and SOURCE_DATE_EPOCH: no file is newer than the commit.
set -eu
umask 022
export LC_ALL=C TZ=UTC
cd "$(dirname "$0")/../.."
fail() { echo "error: $*" >&2; exit 1; }
target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target/packages"
out=$(cd "$target/packages" && pwd)
target=$(cd "$target" && pwd)
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
# Debian's tools take two packages of one version for the same. Between releases (tags such as v0.1.0), the
# time of the commit tells them apart.
tags=$(GIT_CEILING_DIRECTORIES=$(dirname "$PWD") git tag --points-at HEAD 2>/dev/null) || tags=v$version
# Without git, the newest section of the CHANGELOG has a date.
dated=$(sed -n 's/^## .* - \([0-9-]*\)$/\1/p' CHANGELOG.md | head -n 1)
: "${OPENCLAW_BRIDGE_COMMIT=}" "${SOURCE_DATE_EPOCH:=}"
[ -n "$SOURCE_DATE_EPOCH" ] || SOURCE_DATE_EPOCH=$(date -d "$dated" +%s)
export OPENCLAW_BRIDGE_COMMIT SOURCE_DATE_EPOCH
echo "$tags" | grep -qx "v$version" || version=$version+$(date -d "@$SOURCE_DATE_EPOCH" +%Y%m%d.%H%M)
maintainer="${DEBFULLNAME:-The openclaw-bridge authors} <${DEBEMAIL:-openclaw-bridge@packages.invalid}>"
# A program of the same version that runs here prints the completions.
here=$(rustc -vV | sed -n 's/^host: \([^-]*\)-.*/\1-unknown-linux-gnu/p')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

triple() {
    case $1 in
    amd64) echo x86_64-unknown-linux-gnu ;;
    arm64) echo aarch64-unknown-linux-gnu ;;
    armhf) echo armv7-unknown-linux-gnueabihf ;;
    *) fail "no package for $1: amd64, arm64 or armhf" ;;
    esac
}

# What `make install` installs of a target, under a directory.
stage() { # TARGET DIRECTORY VARIABLE=VALUE...
    stage_target=$1 stage_dir=$2
    shift 2
    make -s install DESTDIR="$stage_dir" program="$target/$stage_target/release/openclaw-bridge" \
        runnable="$target/$here/release/openclaw-bridge" "$@"
}

# The bill of materials, the same for all targets.
sbom() { etc/packaging/components.py sbom "$OPENCLAW_BRIDGE_COMMIT" "$(date -d "@$SOURCE_DATE_EPOCH" +%FT%TZ)"; }

# CHANGELOG.md in Debian's form.
debian_changelog() {
    awk -v maintainer="$maintainer" -v version="$version" '
        # A paragraph in lines of 79 characters at most.
        function flush(  count, words, line, i) {
            count = split(text, words, " ")
            line = "  *"
            for (i = 1; i <= count; i++) {
                if (length(line " " words[i]) > 79) { print line; line = "   " }
                line = line " " words[i]
            }
            if (count) print line
            text = ""
        }
        function finish() { flush(); if (date) print "\n -- " maintainer "  " date "\n" }
        /^## / {
            finish()
            ("date -R -d " $4) | getline date
            print "openclaw-bridge (" (version ? version : $2) ") unstable; urgency=medium\n"
            version = ""
            next
        }
        !date { next }
        /^### / { flush(); print "\n  [ " substr($0, 5) " ]"; next }
        /^- / { flush(); text = substr($0, 3); next }
        /^ / { text = text " " $0; next }
        /./ { flush(); text = $0 }
        END { finish() }' CHANGELOG.md
}

deb() {
    arch=$1
    root=$work/$arch
    doc=$root/usr/share/doc/openclaw-bridge
    stage "$(triple "$arch")" "$root" prefix=/usr zshdir=/usr/share/zsh/vendor-completions
    install -D -m 644 etc/bridge-lan.json5 "$root/etc/openclaw-bridge/bridge.json5"
    debian_changelog >"$doc/changelog"
    etc/packaging/components.py copyright >"$doc/copyright"
    sbom >"$doc/sbom.cdx.json"
    find "$root/usr/share/man" -type f -exec gzip -9n {} +
    gzip -9n "$doc/changelog" "$doc/sbom.cdx.json"
    mkdir "$root/DEBIAN"
    for script in preinst postinst prerm postrm; do
        install -m 755 "etc/packaging/debian/$script" "$root/DEBIAN/$script"
    done
    (cd "$root" && find etc -type f -printf '/%p\n' | sort) >"$root/DEBIAN/conffiles"
    (cd "$root" && find usr -type f | sort | xargs md5sum) >"$root/DEBIAN/md5sums"
    # In KiB, as dpkg counts: a file in whole ones, a directory or link as one.
    size=$(find "$root" -path "$root/DEBIAN" -prune -o -printf '%y %s\n' |
        awk '{ sum += $1 == "f" ? int(($2 + 1023) / 1024) : 1 } END { print sum }')
    sed -e "s/@VERSION@/$version/" -e "s/@ARCH@/$arch/" -e "s/@SIZE@/$size/" \
        -e "s/@MAINTAINER@/$maintainer/" etc/packaging/debian/control >"$root/DEBIAN/control"
    find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
    rm -f "$out"/openclaw-bridge_*_"$arch.deb"
    # With several threads, the bytes would depend on how many there are.
    DPKG_DEB_THREADS_MAX=1 dpkg-deb --root-owner-group -Zxz --build "$root" \
        "$out/openclaw-bridge_${version}_$arch.deb" >/dev/null
    echo "$out/openclaw-bridge_${version}_$arch.deb"
}

tarball() {
    system=$(echo "$1" | sed 's/-unknown//')
    name=openclaw-bridge-$version-$system
    root=$work/$name
    rm -f "$out"/openclaw-bridge-*-"$system.tar.gz"
    # Unpacked in /usr/local, as `tar --strip-components=1 -C /usr/local` does.
    stage "$1" "$root.install" prefix=/usr/local
    mv "$root.install/usr/local" "$root"
    install -m 644 LICENSE CHANGELOG.md "$root/share/doc/openclaw-bridge"
    etc/packaging/components.py copyright --full >"$root/share/doc/openclaw-bridge/copyright"
    sbom >"$root/share/doc/openclaw-bridge/sbom.cdx.json"
    tar -C "$work" --sort=name --format=gnu --owner=0 --group=0 --numeric-owner \
        --mtime="@$SOURCE_DATE_EPOCH" -cf "$out/$name.tar" "$name"
    gzip -9nf "$out/$name.tar"
    echo "$out/$name.tar.gz"
    case $1 in
    *-musl)
        # Also by itself, for etc/Containerfile, under the name that containers have for the machine.
        case $1 in x86_64-*) arch=amd64 ;; *) arch=arm64 ;; esac
        install -m 755 "$target/$1/release/openclaw-bridge" "$out/openclaw-bridge-static-$arch"
        echo "$out/openclaw-bridge-static-$arch"
        ;;
    esac
}

kind=$1
shift
case $kind in
deb)
    for arch in "$@"; do triple "$arch" >/dev/null; done
    # shellcheck disable=SC2046 # names without spaces
    etc/packaging/build.sh $({ echo "$here"; for arch in "$@"; do triple "$arch"; done; } | sort -u)
    for arch in "$@"; do deb "$arch"; done
    ;;
tar)
    # shellcheck disable=SC2046
    etc/packaging/build.sh $(printf '%s\n' "$here" "$@" | sort -u)
    for name in "$@"; do tarball "$name"; done
    ;;
release)
    rm -f "$out"/*
    "$0" deb amd64 arm64 armhf
    "$0" tar x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu armv7-unknown-linux-gnueabihf \
        x86_64-unknown-linux-musl aarch64-unknown-linux-musl
    sbom >"$out/openclaw-bridge-$version.cdx.json"
    (cd "$out" && sha256sum -- *openclaw* >SHA256SUMS && cat SHA256SUMS)
    ;;
*) fail "package.sh deb ARCH... | tar TARGET... | release" ;;
esac
