# The README's node runs as a service, and only what its owner allows.
block=$(sed -n '/^## Turn a machine into a node/,/^## /p' "$source/README.md" | sed -n 's/^\$ //p')
# There is no studio.local here, and no network to find it in.
echo "$block" | grep -v ^journalctl | sed 's/--host studio.local/--host 127.0.0.1/' >"$dir/root/home/pi/commands"
on <<'END'
configure </home/pi/openclaw-bridge/etc/bridge-lan.json5
install_it
start_it
while read -r command; do
    say "\$ $command"
    setpriv --reuid=pi --regid=pi --init-groups --reset-env bash -c "$command" >/dev/null 2>/tmp/said </dev/null ||
        fail "$command: $(cat /tmp/said)"
done </home/pi/commands
told() { journalctl -q --no-pager -o cat -u openclaw-bridge-node | grep -o 'openclaw-bridge nodes approve [^`]*'; }
eventually told
say "\$ $(told)"
$(told) >/dev/null
eventually openclaw-bridge nodes run --node Attic -- uptime
openclaw-bridge nodes run --node Attic -- uptime | sed 's/^/   | /'
refused "" openclaw-bridge nodes run --node Attic -- cat /etc/passwd
systemctl restart openclaw-bridge-node
eventually openclaw-bridge nodes run --node Attic -- uptime
END
