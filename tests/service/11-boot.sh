# It is there after a boot, a restart and kill -9, and so are its nodes.
on <<'END'
configure </home/pi/openclaw-bridge/etc/bridge-lan.json5
install_it
start_it
cat >/etc/systemd/system/kitchen.service <<'UNIT'
[Service]
User=guest
StateDirectory=kitchen
ExecStart=/usr/local/bin/openclaw-bridge node --host 127.0.0.1 --tls --node-id kitchen-1 \
    --token-file /var/lib/kitchen/node.json --display-name Kitchen --handle lamp.on=/bin/cat
[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable -q --now kitchen
eventually openclaw-bridge nodes approve Kitchen
eventually kitchen_answers
openclaw-bridge fingerprint >/fingerprint
END
reboot_it
on <<'END'
eventually kitchen_answers
openclaw-bridge fingerprint | cmp - /fingerprint || fail "another certificate"
say "after a boot: the node came back"
before=$(main_pid)
systemctl restart $unit
eventually kitchen_answers
say "after a restart, too"
before=$(main_pid)
kill -KILL "$before"
eventually kitchen_answers
[ "$(main_pid)" != "$before" ] || fail "it was not killed"
say "after kill -9, too"
openclaw-bridge stop
sleep 7
[ "$(systemctl is-active $unit)" = inactive ] || fail "it came back after it was told to stop"
say "after stop it stays stopped"
END
