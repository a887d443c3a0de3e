# status --check fails while the disk is full or cannot be written to, says why, and is well again after.
on <<'END'
# A disk of its own, as a memory card would be.
disk=/var/lib/private/openclaw-bridge
mkdir -p -m 700 $disk
mount -t tmpfs -o size=64m,mode=700 disk $disk
install_it
start_it
kitchen
check() { openclaw-bridge status --check --json >/tmp/said 2>&1; }
is_unwell() { ! check; }
check || fail "it is not well: $(openclaw-bridge status)"
dd if=/dev/zero of=$disk/full bs=1M 2>/dev/null || :
# The bridge looks once a minute.
eventually is_unwell
refused "nearly full" openclaw-bridge status --check
kitchen_answers || fail "nodes are cut off"
rm $disk/full
eventually check
say "freed: well again"

# Somebody took the pairings away from the service: what has to be saved is refused.
chown root: $disk/nodes
refused "" openclaw-bridge nodes rename --node Kitchen --name Cellar
refused "could not be saved" openclaw-bridge status --check
chown --reference=$disk $disk/nodes
openclaw-bridge nodes rename --node Kitchen --name Cellar >/dev/null
check || fail "$(cat /tmp/said)"
say "writable: well again"

systemctl stop $unit
refused "" openclaw-bridge status --check
[ "$(openclaw-bridge status --check >/dev/null 2>&1; echo $?)" = 69 ] || fail "no 69 without a bridge"
END
