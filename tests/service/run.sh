#!/usr/bin/env bash
# Runs the claims in this directory: each script on a machine of its own, a fresh Debian with systemd as
# PID 1, in namespaces and without a network. `make service` runs all of them.
#
#   run.sh PROGRAM [CLAIM...]        # such as 04, or 04-import.sh
#
# SUITES="bookworm trixie" chooses the Debians; DEB=FILE is the package for the claims about one.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source=$(realpath "$here/../..")
program=$(realpath "${1:?usage: run.sh PROGRAM [CLAIM...]}")
shift
cache=$source/target/service
packages=systemd,systemd-sysv,dbus,procps,sudo,make,openssl,iproute2,ca-certificates
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1

skip() { echo "skipped: $*"; exit 0; }
[ "$(id -u)" = 0 ] || skip "only root can boot a machine in namespaces"
command -v systemd-nspawn >/dev/null || skip "there is no systemd-nspawn (package systemd-container)"

# The machine that all of one suite begin with; made once.
base() {
    local root=$cache/$1
    [ -e "$root/etc/debian_version" ] && return
    command -v debootstrap >/dev/null || skip "there is no debootstrap"
    echo "making a Debian $1 in $root"
    rm -rf "$root" "$root.new"
    mkdir -p "$cache"
    debootstrap --variant=minbase --include=$packages "$1" "$root.new" >"$cache/$1.log" 2>&1 ||
        skip "debootstrap could not make a Debian $1; see $cache/$1.log"
    mv "$root.new" "$root"
}

dir=
group=
nspawn=
pull_the_plug() {
    # PID 1 first: it would outlive systemd-nspawn.
    local first
    first=$(leader)
    [ -z "$first" ] || kill -KILL "$first" || :
    [ -z "$nspawn" ] || wait "$nspawn" 2>/dev/null || :
    nspawn=
    # Its processes end one after the other.
    for _ in $(seq 50); do
        [ -d "$group" ] || break
        find "$group" -depth -type d -exec rmdir {} + 2>/dev/null && break
        sleep 0.1
    done
    group=
    [ -z "$dir" ] || { umount -l "$dir/root" 2>/dev/null; rm -rf "$dir"; } || :
    dir=
}
trap pull_the_plug EXIT

# A machine like a user's: the source and the program in the home of pi, who may use sudo.
make_machine() {
    dir=$(mktemp -d "$cache/machine.XXXXXX")
    mkdir "$dir/root" "$dir/upper" "$dir/work"
    mount -t overlay -o "lowerdir=$cache/$1,upperdir=$dir/upper,workdir=$dir/work" none "$dir/root"
    local home=$dir/root/home/pi
    mkdir -p "$home/openclaw-bridge/target/release"
    tar -C "$source" -c Makefile README.md LICENSE Cargo.toml etc | tar -x -C "$home/openclaw-bridge"
    cp "$program" "$home/openclaw-bridge/target/release/openclaw-bridge"
    [ -z "${DEB:-}" ] || cp "$DEB" "$home/openclaw-bridge.deb"
    cp "$here/inside.sh" "$dir/root/inside.sh"
    chroot "$dir/root" sh -euc '
        useradd -m -s /bin/bash pi 2>/dev/null; useradd -m -s /bin/bash guest
        chown -R pi: /home/pi; echo "pi ALL=(ALL) NOPASSWD: ALL" >/etc/sudoers.d/pi
        # Home directories are searched by others in Debian.
        chmod 755 /home/pi; echo studio >/etc/hostname'
    echo "127.0.1.1 studio" >>"$dir/root/etc/hosts"
    boot
}

# PID 1 of the machine, seen from here. It changes when the machine reboots.
leader() {
    local started
    started=$(pgrep -P "${nspawn:-none}" -x systemd-nspawn 2>/dev/null) && pgrep -P "$started" -x systemd || :
}

boot() {
    local options=()
    if [ ! -d /run/systemd/system ]; then
        # Nobody gives the machine a control group of its own, apart from those of other machines.
        group=$(findmnt -rno TARGET -t cgroup2 | head -n 1)
        [ -n "$group" ] || { echo "no control groups (cgroup2) are mounted"; return 1; }
        group+=/$(basename "$dir")
        mkdir -p "$group"
        options=(--register=no --keep-unit)
    fi
    (
        [ -z "$group" ] || echo "$BASHPID" >"$group/cgroup.procs"
        # Without a unit that restarts it, it says by this code that the machine wants to boot again.
        code=133
        while [ "$code" = 133 ]; do
            code=0
            systemd-nspawn --quiet --directory="$dir/root" --machine="studio$$" --hostname=studio \
                --boot --private-network --console=pipe --link-journal=no "${options[@]}" || code=$?
        done
    ) >"$dir/console" 2>&1 </dev/null &
    nspawn=$!
    is_up || { cat "$dir/console"; echo "the machine did not boot"; return 1; }
}
is_up() {
    for _ in $(seq 300); do
        local first
        first=$(leader)
        [ -n "$first" ] && [[ $(nsenter -t "$first" -a systemctl is-system-running 2>/dev/null) =~ running|degraded ]] &&
            return
        sleep 0.1
    done
    return 1
}

# What the claims are written with. `on studio <<'END'` runs commands there as root.
on() {
    { echo '. /inside.sh'; cat; } >"$dir/root/commands.sh"
    nsenter -t "$(leader)" -a --root --wd -- env -i HOME=/root LANG=C.UTF-8 TERM=dumb \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        bash -euo pipefail /commands.sh
}
reboot_it() {
    local before
    before=$(leader)
    nsenter -t "$before" -a --root --wd -- systemctl reboot 2>/dev/null || :
    for _ in $(seq 300); do [ "$(leader)" = "$before" ] || break; sleep 0.1; done
    is_up || { cat "$dir/console"; echo "the machine did not boot again"; return 1; }
}

failed=0
ran=0
for suite in ${SUITES:-bookworm}; do
    base "$suite"
    for claim in "$here"/[0-9]*.sh; do
        name=$(basename "$claim")
        wanted=$#
        for want in "$@"; do [[ $name == "$want"* ]] && wanted=0; done
        [ "$wanted" = 0 ] || continue
        printf '== %s on %s: %s\n' "${name%.sh}" "$suite" "$(sed -n '1s/^# //p' "$claim")"
        began=$SECONDS
        ran=$((ran + 1))
        # A subshell, so that a claim ends where it fails; not in `if`, where -e means nothing.
        make_machine "$suite"
        set +e
        (set -e; . "$claim")
        outcome=$?
        set -e
        if [ "$outcome" = 0 ]; then
            echo "   holds ($((SECONDS - began)) s)"
        else
            echo "   DOES NOT HOLD"
            failed=$((failed + 1))
        fi
        pull_the_plug
    done
done
[ "$ran" -gt 0 ] || { echo "there is no such claim" >&2; exit 2; }
[ "$failed" = 0 ] || { echo "$failed of $ran claims do not hold"; exit 1; }
echo "all $ran claims hold"
