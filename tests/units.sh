#!/usr/bin/env bash
# Checks the systemd units: that they are understood whole, how much they expose, what must be in
# them, and that each setting has its reason; that `make install` makes their account, and that `make
# uninstall` stops them. `make check` runs it where systemd-analyze is installed; nothing is started, or
# installed outside of a directory.
set -euo pipefail
cd "$(dirname "$0")/.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fail() { printf '%s\n' "$*" >&2; exit 1; }

both="DynamicUser=yes PrivateUsers=yes PrivateMounts=yes MemoryMax=75% OOMPolicy=continue LimitCORE=0
    KillMode=mixed StateDirectoryMode=0700 UMask=0077 NoNewPrivileges=yes"
declare -A needed=(
    [openclaw-bridge]="$both Type=notify NotifyAccess=main WatchdogSec=60s RuntimeDirectoryMode=0750
        Environment=HOME=%S/openclaw-bridge WorkingDirectory=%S/openclaw-bridge"
    [openclaw-bridge-node]="$both
        Environment=HOME=%S/openclaw-bridge-node WorkingDirectory=%S/openclaw-bridge-node"
)
for unit in "${!needed[@]}"; do
    # The program need not be installed to look at the rest.
    sed 's|/usr/local/bin/openclaw-bridge|/bin/true|' "etc/$unit.service" >"$dir/$unit.service"
    complaints=$(systemd-analyze verify --man=no "$dir/$unit.service" 2>&1 | grep -F "$unit.service" || true)
    [ -z "$complaints" ] || fail "$complaints"
    # Tenths: at most 1.2.
    systemd-analyze security --offline=true --threshold=12 "$dir/$unit.service" >/dev/null ||
        fail "$unit.service exposes more than 1.2"
    # What is commented out is right, too.
    sed -i 's/^#\([A-Z][A-Za-z]*=\)/\1/' "$dir/$unit.service"
    complaints=$(systemd-analyze verify --man=no "$dir/$unit.service" 2>&1 | grep -F "$unit.service" || true)
    [ -z "$complaints" ] || fail "with all that is commented out: $complaints"
    for setting in ${needed[$unit]}; do
        grep -qx -- "$setting" "etc/$unit.service" || fail "$unit.service: no $setting"
    done
    # A reason stands above the first setting of each block.
    awk -v unit="$unit" '
        /^\[/ { next }
        /^$/ { reason = 0; next }
        /^#/ { reason = 1; next }
        /^(Description|Documentation|WantedBy|ExecStart|Wants)=/ { next }
        !reason { print unit ".service: no reason for " $0; wrong = 1 }
        END { exit wrong }' "etc/$unit.service" >&2 || exit 1
done

# `make install` has systemd make the account and the group, where there is a systemd.
cat >"$dir/systemd-sysusers" <<'END'
#!/bin/sh
grep '^u openclaw-bridge ' "$1" >>"$ASKED"
END
printf '#!/bin/sh\necho "$*" >>"$ASKED"\n' >"$dir/systemctl"
chmod +x "$dir/systemd-sysusers" "$dir/systemctl"
mkdir -p "$dir/target/release" "$dir/systemd"
touch "$dir/target/release/openclaw-bridge"
chmod +x "$dir/target/release/openclaw-bridge"
export ASKED="$dir/asked"
install() {
    : >"$ASKED"
    PATH="$dir:$PATH" CARGO_TARGET_DIR="$dir/target" make -s install prefix="$dir/usr" "$@" >/dev/null ||
        fail "make install $* fails"
}
install systemd="$dir/systemd"
[ "$(cut -d' ' -f1,2 "$ASKED")" = "u openclaw-bridge
daemon-reload" ] || fail "make install asks systemd: $(cat "$ASKED")"
install systemd="$dir/none"
[ ! -s "$ASKED" ] || fail "make install asks a systemd that is not there"
install systemd="$dir/systemd" DESTDIR="$dir/root"
[ ! -s "$ASKED" ] || fail "make install asks the systemd of another machine"
rm -r "$dir/usr" "$dir/root"

# `make uninstall` stops a service before its files go, and fails nowhere.
cat >"$dir/systemctl" <<'END'
#!/bin/sh
there=no
[ ! -e "$UNITS/openclaw-bridge.service" ] || there=yes
echo "$* $there" >>"$ASKED"
exit 1
END
chmod +x "$dir/systemctl"
export UNITS="$dir/usr/lib/systemd/system"
uninstall() {
    mkdir -p "$DESTDIR$UNITS" "$dir/systemd"
    touch "$DESTDIR$UNITS/openclaw-bridge.service" "$ASKED"
    PATH="$dir:$PATH" make -s uninstall prefix="$dir/usr" DESTDIR="$DESTDIR" "$@" >/dev/null ||
        fail "make uninstall $* fails"
    [ ! -e "$DESTDIR$UNITS/openclaw-bridge.service" ] || fail "make uninstall $* leaves a unit"
}
DESTDIR="" uninstall systemd="$dir/systemd"
[ "$(cat "$ASKED")" = "disable --now openclaw-bridge.service yes
daemon-reload no" ] || fail "make uninstall asks systemd: $(cat "$ASKED")"
rm "$ASKED"
DESTDIR="" uninstall systemd="$dir/none"
DESTDIR="$dir/root" uninstall systemd="$dir/systemd"
[ ! -s "$ASKED" ] || fail "make uninstall asks a systemd that is not there: $(cat "$ASKED")"
