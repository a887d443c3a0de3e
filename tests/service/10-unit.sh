# The unit exposes little, and systemd knows priorities, a line of status, and whether the bridge lives.
on <<'END'
# Whatever the umask of who installs.
(umask 077; install_it)
for file in /usr/local/lib/systemd/system/openclaw-bridge*.service /usr/local/share/man/man1/openclaw-bridge.1 \
    /usr/local/share/doc/openclaw-bridge/README.md; do
    [ "$(stat -c %a "$file")" = 644 ] || fail "$file: $(stat -c %a "$file")"
    setpriv --reuid=guest --regid=guest --clear-groups cat "$file" >/dev/null || fail "guest cannot read $file"
done
start_it
systemctl start openclaw-bridge-node
for service in openclaw-bridge openclaw-bridge-node; do
    systemd-analyze security --no-pager --threshold=12 $service >/tmp/said || fail "$(tail -n 1 /tmp/said)"
    say "$(tail -n 1 /tmp/said)"
    [ "$(systemctl show -P KillMode $service)" = mixed ] || fail "not mixed"
    pid=$(systemctl show -P MainPID $service)
    [ "$(readlink /proc/$pid/ns/user)" != "$(readlink /proc/1/ns/user)" ] || fail "$service: no PrivateUsers"
    grep -q '^CapEff:\s*0*$' /proc/$pid/status || fail "$service has capabilities"
    grep -q '^Seccomp:\s*2' /proc/$pid/status || fail "$service has no filter"
done

# Who waits, and who is there.
status() { systemctl show -P StatusText $unit; }
shows_status() { [[ $(status) == *"$1"* ]]; }
eventually shows_status "0 nodes connected"
say "$(status)"
systemctl stop openclaw-bridge-node
kitchen
eventually shows_status "1 node connected"
say "$(status)"

# A warning is one in the journal.
openclaw-bridge node --host 127.0.0.1 --node-id thief --token-file /tmp/thief.json --once >/dev/null 2>&1 &
eventually openclaw-bridge nodes reject thief
printf '{"type":"hello","nodeId":"kitchen-1","token":"00000000000000000000000000000000"}\n' >/dev/tcp/127.0.0.1/18790
eventually bash -c "journalctl -q -u $unit -p warning --grep 'refused conn' | grep ."
[ -z "$(journalctl -q --no-pager -u $unit -p warning --grep '^daemon: listening')" ] || fail "all are warnings"
if journalctl -q --no-pager -o cat -u $unit | grep -E '^(<[0-9]>|20[0-9][0-9]-)'; then fail "priority or time in the text"; fi
say "warnings: $(journalctl -q --no-pager -o cat -u $unit -p warning | head -n 1)"

# A bridge that hangs is started again, and nodes come back.
mkdir -p /run/systemd/system/$unit.service.d
printf '[Service]\nWatchdogSec=2s\nRestartSec=1s\n' >/run/systemd/system/$unit.service.d/soon.conf
systemctl daemon-reload && systemctl restart $unit
before=$(main_pid)
eventually kitchen_answers
sleep 4
[ "$(main_pid)" = "$before" ] || fail "a bridge that lives was restarted"
kill -STOP "$before"
restarted() { [ "$(main_pid)" != "$before" ] && [ "$(main_pid)" != 0 ]; }
eventually restarted
eventually kitchen_answers
journalctl -q --no-pager -o cat -u $unit --grep="Watchdog timeout" | head -n 1 | sed 's/^/   | /'
END
