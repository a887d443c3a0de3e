# Members of the group openclaw-bridge are operators without sudo; others are refused and told why.
on <<'END'
install_it
start_it
as() { local who=$1; shift; setpriv --reuid="$who" --regid="$who" --init-groups --reset-env "$@"; }
refused "openclaw-bridge" as guest openclaw-bridge status
refused "openclaw-bridge" as pi openclaw-bridge nodes
usermod -aG openclaw-bridge pi
shows "Nodes:" as pi openclaw-bridge status
as pi openclaw-bridge node --host 127.0.0.1 --display-name Kitchen --handle lamp.on=/bin/cat >/dev/null 2>&1 &
eventually as pi openclaw-bridge nodes approve Kitchen
say "pi, in the group, saw the status and approved a node"
refused "openclaw-bridge" as guest openclaw-bridge nodes list
for path in /var/lib/private/openclaw-bridge /var/lib/openclaw-bridge/nodes/paired.json; do
    refused "ermission denied" as pi ls $path
done
END
