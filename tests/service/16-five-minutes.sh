# With the package, a phone is paired in three commands, and each of them is told by the one before.
[ -n "${DEB:-}" ] || { echo "   skipped: name a package with DEB="; exit 0; }
on <<'END'
# A home network.
ip link add eth0 type veth peer name router
ip addr add 192.168.7.2/24 dev eth0
ip link set eth0 up
ip link set router up
began=${EPOCHREALTIME/./}
# As pi types it, at a terminal; what pi answers comes from standard input.
typed() {
    say "\$ $*"
    setpriv --reuid=pi --regid=pi --init-groups --reset-env script -qefc "$*" /tmp/shown >/dev/null 2>&1 ||
        fail "$*: $(cat /tmp/shown)"
    grep -v '^Script ' /tmp/shown | tr -d '\r\0' | tee /tmp/said | sed 's/^/   | /'
}
# With a network `sudo apt install ./openclaw-bridge.deb`; what it needs is here.
typed "sudo dpkg -i ~/openclaw-bridge.deb" </dev/null
next=$(sed -n 's/.*Next: //p' /tmp/said)
[ "$next" = "sudo openclaw-bridge status" ] || fail "no next command"
eventually openclaw-bridge status
typed "$next" </dev/null
address=$(sed -n 's/.*on the phone, enter \([0-9.]*\),.*/\1/p' /tmp/said)
[ "$address" = 192.168.7.2 ] || fail "no address for the phone"
next=$(sed -n 's/.*then approve it: `\(.*\)`.*/\1/p' /tmp/said)
[ "$next" = "sudo openclaw-bridge nodes pending --watch" ] || fail "no next command"
# The phone, more or less.
setpriv --reuid=guest --regid=guest --clear-groups env HOME=/tmp openclaw-bridge node --host "$address" \
    --tls --display-name Kitchen --token-file /tmp/node.json --handle lamp.on=/bin/cat >/tmp/node 2>&1 &
eventually grep -q "waiting for approval" /tmp/node
shows "Kitchen at $address asks to be paired: \`openclaw-bridge nodes approve " openclaw-bridge status
mkfifo /tmp/keys
exec 4<>/tmp/keys
typed "$next" </tmp/keys &
eventually grep -q "Approve it" /tmp/shown
echo y >&4
eventually kitchen_answers
say "the phone answers: $(((${EPOCHREALTIME/./} - began) / 1000)) ms after the first command"
# Ctrl-C ends the watching.
printf '\003' >&4
wait %?typed || fail "Ctrl-C: $?"
said=$(openclaw-bridge status)
[[ $said != *Next:* ]] || fail "something is left to do: $said"
END
