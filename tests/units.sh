#!/usr/bin/env bash
# Checks the systemd units: that they are understood whole, and how much they expose. `make check`
# runs it where systemd-analyze is installed; nothing is started or installed.
set -euo pipefail
cd "$(dirname "$0")/.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

for unit in openclaw-bridge openclaw-bridge-node; do
    # The program need not be installed to look at the rest.
    sed 's|/usr/local/bin/openclaw-bridge|/bin/true|' "etc/$unit.service" >"$dir/$unit.service"
    complaints=$(systemd-analyze verify --man=no "$dir/$unit.service" 2>&1 | grep -F "$unit.service" || true)
    if [ -n "$complaints" ]; then
        printf '%s\n' "$complaints" >&2
        exit 1
    fi
    systemd-analyze security --offline=true --threshold=25 "$dir/$unit.service" >/dev/null
done
