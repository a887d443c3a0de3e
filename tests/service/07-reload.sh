# systemctl reload fails for a bad configuration, which changes nothing, and succeeds for a good one.
on <<'END'
configure <<<'{ bridge: { name: "Studio" } }'
install_it
start_it
before=$(main_pid)
configure <<<'{ bridge: { port: "many" } }'
refused "" systemctl reload $unit
journalctl -q --no-pager -u $unit | grep -m1 "bridge.port" | sed 's/^.*\]: /   | /' | grep . || fail "nobody is told why"
shows Studio openclaw-bridge status
configure <<<'{ bridge: { name: "Attic" } }'
systemctl reload $unit
shows Attic openclaw-bridge status
[ "$(main_pid)" = "$before" ] || fail "it was restarted"
END
