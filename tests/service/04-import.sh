# sudo import works for the service: before its first start, while it is stopped, and not beside it.
on <<'END'
old=$(mktemp -d)
mkdir $old/nodes
pairing() { printf '{"%s":{"nodeId":"%s","token":"%032d","displayName":"%s","createdAtMs":1,"approvedAtMs":1}}' "$1" "$1" "$2" "$1"; }
pairing before 1 >$old/nodes/paired.json
install_it
openclaw-bridge import $old --apply | sed 's/^/   | /'
[ ! -e ~/.local/state/openclaw-bridge ] || fail "imported for root"
start_it
has_claim before || fail "the service does not know the node"
[ -z "$(find /var/lib/private/openclaw-bridge ! -user "$(stat -c %U /proc/$(main_pid))")" ] ||
    fail "not all files are the service's"
[ "$(stat -c %a /var/lib/private/openclaw-bridge)" = 700 ] || fail "others can look into it"

pairing after 2 >$old/nodes/paired.json
refused "stop" openclaw-bridge import $old --apply
systemctl stop $unit
openclaw-bridge import $old --apply | tail -n 1 | sed 's/^/   | /'
systemctl start $unit
has_claim before && has_claim after || fail "not both are there"
[ ! -e ~/.local/state/openclaw-bridge ] || fail "imported for root"
END
