# An agent that will not go is gone when the service has stopped, with everything that it left behind.
on <<'END'
cat >/usr/local/bin/stubborn <<'AGENT'
#!/bin/bash
trap '' TERM HUP INT
setsid bash -c 'trap "" TERM HUP INT; while :; do sleep 1; done' &
echo "I am here"
while :; do sleep 1; done
AGENT
chmod 755 /usr/local/bin/stubborn
configure <<<'{ agent: { kind: "command", command: ["/usr/local/bin/stubborn"] } }'
install_it
start_it
openclaw-bridge chat send hello >/dev/null 2>&1 &
eventually pgrep -f stubborn
began=$SECONDS
systemctl stop $unit
if pgrep -f stubborn; then fail "it is still there"; fi
if pgrep -fa 'trap "" TERM'; then fail "what it left is still there"; fi
say "stopped in $((SECONDS - began)) s: $(systemctl show -P Result $unit)"
END
