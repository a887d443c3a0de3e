# A zone that root has written is the service's, which keeps it up to date.
on <<'END'
zone=/var/lib/openclaw-bridge/dns/clawdbot.internal.db
ip link add tailscale0 type veth peer name elsewhere && ip addr add 100.64.0.7/10 dev tailscale0 && ip link set tailscale0 up
configure <<<'{ bridge: { bind: "tailnet" }, discovery: { wideArea: { enabled: true } } }'
install_it
start_it
eventually test -s $zone
openclaw-bridge zone --write --address 10.8.0.1 | sed 's/^/   | /'
grep -q 10.8.0.1 $zone || fail "nothing was written"
[ "$(stat -Lc %u $zone)" = "$(stat -Lc %u /var/lib/openclaw-bridge)" ] || fail "it is root's"
ip addr add 100.64.0.8/10 dev tailscale0
systemctl restart $unit
eventually grep -q 100.64.0.7 $zone
say "and the service has written it again: $(grep -c 100.64 $zone) addresses"
openclaw-bridge status --check >/dev/null || fail "status: $(openclaw-bridge status)"
END
