#!/usr/bin/env bash
# Checks the dependencies: known faults, licences, where they come from. Needs cargo-deny, and the
# network for the list of known faults; says what could not be checked. Exceptions, and the reason
# for each, are in .deny.toml.
set -euo pipefail
cd "$(dirname "$0")/.."
not_checked() { echo "NOT CHECKED: $1"; exit 0; }

command -v cargo-deny >/dev/null ||
    not_checked "the dependencies, because there is no cargo-deny (cargo install --locked cargo-deny)"
cargo deny --log-level error check bans licenses sources
timeout 120 cargo deny --log-level error fetch db >/dev/null 2>&1 ||
    not_checked "whether dependencies have known faults, because the list could not be fetched"
cargo deny --log-level error check --disable-fetch advisories
