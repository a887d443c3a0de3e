# Upgrade, backup, restore and removal are as the manual says.
on <<'END'
configure </home/pi/openclaw-bridge/etc/bridge-lan.json5
install_it
start_it
kitchen --tls
openclaw-bridge chat send "remember me" >/dev/null
facts() { openclaw-bridge fingerprint; openclaw-bridge nodes list --json | grep -o '"nodeId":"[^"]*"'; openclaw-bridge chat history; }
facts >/tmp/before

# Upgrade: an installed program is replaced while it runs.
install_it
kitchen_answers || fail "installing ended the running bridge"
systemctl restart $unit
eventually kitchen_answers
facts | cmp - /tmp/before || fail "the upgrade lost something"
say "upgraded: the node came back by itself, with the same certificate"

# Backup while it runs, restored on what is as good as another machine.
tar -C /var/lib/private -czf /root/backup.tar.gz openclaw-bridge
systemctl stop $unit
rm -rf /var/lib/private/openclaw-bridge /var/lib/openclaw-bridge
systemctl start $unit
openclaw-bridge fingerprint | grep -qvFf - /tmp/before || fail "nothing was lost before the restore"
systemctl stop $unit
rm -rf /var/lib/private/openclaw-bridge
tar -C /var/lib/private -xzf /root/backup.tar.gz
chown -R root: /var/lib/private/openclaw-bridge
systemctl start $unit
eventually kitchen_answers
facts | cmp - /tmp/before || fail "the restore lost something"
say "restored: the node came back by itself, with the same certificate and conversation"

make -s -C /home/pi/openclaw-bridge uninstall
if systemctl is-active -q $unit; then fail "it still runs"; fi
[ -z "$(find /usr/local -name '*openclaw*' ! -path '*/.*')" ] || fail "$(find /usr/local -name '*openclaw*')"
[ -s /var/lib/private/openclaw-bridge/nodes/paired.json ] || fail "the state is gone"
[ -s /etc/openclaw-bridge/bridge.json5 ] || fail "the configuration is gone"
say "removed: stopped; state and configuration are there"
install_it
start_it
eventually kitchen_answers
say "installed again: the node came back"
END
