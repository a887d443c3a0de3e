# The package is replaced under a running service and nothing is lost; remove keeps, purge deletes.
[ -n "${DEB:-}" ] || { echo "   skipped: name a package with DEB="; exit 0; }
on <<'END'
deb=/home/pi/openclaw-bridge.deb
dpkg -i $deb >/dev/null
kitchen --tls
openclaw-bridge chat send "remember me" >/dev/null
facts() { openclaw-bridge fingerprint; openclaw-bridge nodes list --json | grep -o '"nodeId":"[^"]*"'; openclaw-bridge chat history; }
facts >/tmp/before
before=$(main_pid)

# The next version, as far as dpkg can tell. Its owner's configuration is kept.
echo '// mine' >>/etc/openclaw-bridge/bridge.json5
dpkg-deb -R $deb /tmp/next
sed -i 's/^Version: .*/&+1/' /tmp/next/DEBIAN/control
dpkg-deb -b /tmp/next /tmp/next.deb >/dev/null
dpkg -i /tmp/next.deb >/dev/null </dev/null
[ "$(main_pid)" != "$before" ] || fail "the old program still runs"
eventually kitchen_answers
facts | cmp - /tmp/before || fail "the upgrade lost something"
tail -n 1 /etc/openclaw-bridge/bridge.json5 | grep -q mine || fail "the configuration was replaced"
say "upgraded: the node came back by itself; certificate, conversation and configuration are the same"

# What an administrator has turned off stays off.
systemctl disable -q --now $unit
dpkg -i $deb >/dev/null </dev/null
[ "$(systemctl is-enabled $unit) $(systemctl is-active $unit)" = "disabled inactive" ] || fail "it was turned on"
systemctl enable -q --now $unit

dpkg -r openclaw-bridge >/dev/null
if systemctl is-active -q $unit; then fail "it still runs"; fi
[ -s /var/lib/private/openclaw-bridge/nodes/paired.json ] || fail "remove deleted the pairings"
[ -s /etc/openclaw-bridge/bridge.json5 ] || fail "remove deleted the configuration"
dpkg -i $deb >/dev/null
eventually kitchen_answers
say "removed and installed again: the node came back"

dpkg -P openclaw-bridge </dev/null >/tmp/said 2>&1 || fail "$(cat /tmp/said)"
for path in /var/lib/private/openclaw-bridge /var/lib/openclaw-bridge /etc/openclaw-bridge /run/openclaw-bridge; do
    [ ! -e $path ] && [ ! -L $path ] || fail "purge left $path"
done
systemctl list-unit-files | grep -q openclaw && fail "purge left a unit"
say "purged: nothing is left; the group stays"
END
