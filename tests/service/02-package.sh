# The package's commands install a service that runs at once, over TLS, for whoever is in the group.
[ -n "${DEB:-}" ] || { echo "   skipped: name a package with DEB="; exit 0; }
on <<'END'
began=${EPOCHREALTIME/./}
try() {
    say "\$ $*"
    setpriv --reuid=pi --regid=pi --init-groups --reset-env bash -c "cd; $*" >/tmp/said 2>&1 </dev/null ||
        fail "$*: $(cat /tmp/said)"
    sed 's/^/   | /' /tmp/said
}
# With a network `sudo apt install ./openclaw-bridge.deb`; what it needs is here.
try sudo dpkg -i openclaw-bridge.deb
try sudo usermod -aG openclaw-bridge pi
try openclaw-bridge status
grep -q '0.0.0.0:18790 (TLS required)' /tmp/said || fail "it does not listen"
setpriv --reuid=guest --regid=guest --clear-groups env HOME=/tmp openclaw-bridge node --host 127.0.0.1 --tls --display-name Kitchen \
    --token-file /tmp/node.json --handle lamp.on=/bin/cat >/tmp/node 2>&1 &
waits() { openclaw-bridge nodes pending | grep Kitchen; }
eventually waits
try openclaw-bridge nodes pending
try openclaw-bridge nodes approve Kitchen
eventually kitchen_answers
try openclaw-bridge nodes invoke --node Kitchen --command lamp.on
say "from nothing to a node that answers: $(((${EPOCHREALTIME/./} - began) / 1000)) ms"
[ "$(systemctl is-enabled $unit)" = enabled ] || fail "not at the next boot"
END
