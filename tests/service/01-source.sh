# The README's commands install a service from source that runs at once, over TLS.
block=$(sed -n '/^## Install it as a service/,/^## /p' "$source/README.md" | sed -n 's/^\$ //p' | sed 's/ *#.*//')
# The program is there already, and building it is not what can fail here.
echo "$block" | grep -v '^make build$' >"$dir/root/home/pi/commands"
on <<'END'
began=${EPOCHREALTIME/./}
while read -r command; do
    say "\$ $command"
    setpriv --reuid=pi --regid=pi --init-groups --reset-env bash -c "cd ~/openclaw-bridge && $command" \
        >/tmp/said 2>&1 </dev/null || fail "$command: $(cat /tmp/said)"
done </home/pi/commands
say "$(wc -l </home/pi/commands) commands without the build: $(((${EPOCHREALTIME/./} - began) / 1000)) ms"
sed 's/^/   | /' /tmp/said
grep -q '0.0.0.0:18790 (TLS required)' /tmp/said || fail "it does not listen"
[ "$(systemctl is-enabled $unit) $(systemctl is-active $unit)" = "enabled active" ] || fail "not at the next boot"
kitchen --tls
say "a node was paired, and answered"
END
