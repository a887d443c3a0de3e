# What the commands of a claim are written with; read by bash on the machine, as root.
unit=openclaw-bridge
say() { printf '   %s\n' "$*"; }
fail() {
    printf '   FAILED: %s\n' "$*"
    systemctl status --no-pager -n 0 $unit || :
    journalctl -q --no-pager -n 30 -u $unit -u kitchen || :
    exit 1
}
trap 'fail "line $LINENO: $BASH_COMMAND"' ERR
set -E

# Waits until a command succeeds, for 45 s at most.
eventually() {
    for _ in $(seq 450); do "$@" >/dev/null 2>&1 && return; sleep 0.1; done
    fail "this did not happen within 45 s: $*"
}
# The command fails, and says the text.
refused() {
    local text=$1 said
    shift
    if said=$("$@" 2>&1); then fail "this should have failed: $*: $said"; fi
    [[ $said == *"$text"* ]] || fail "$*: said \"$said\", not \"$text\""
    say "\$ $*" && say "$(tail -n 1 <<<"$said")"
}
# The command succeeds, and says the text.
shows() {
    local text=$1 said
    shift
    said=$("$@" 2>&1) || fail "$*: $said"
    [[ $said == *"$text"* ]] || fail "$*: said \"$said\", not \"$text\""
}
# What the README says, without the program being built again, and with a configuration if one is given.
install_it() {
    make -s -C /home/pi/openclaw-bridge install >/dev/null
    systemctl daemon-reload
}
configure() { mkdir -p /etc/openclaw-bridge && cat >/etc/openclaw-bridge/bridge.json5; }
start_it() { systemctl enable -q --now $unit; }
main_pid() { systemctl show -P MainPID $unit; }
# A node that is paired and stays connected, whatever happens to the bridge.
kitchen() {
    systemd-run -q --unit=kitchen --uid=guest -p StateDirectory=kitchen openclaw-bridge node \
        --host 127.0.0.1 "$@" --token-file /var/lib/kitchen/node.json --node-id kitchen-1 \
        --display-name Kitchen --handle lamp.on=/bin/cat
    eventually openclaw-bridge nodes approve Kitchen
    eventually kitchen_answers
}
kitchen_answers() {
    [ "$(openclaw-bridge nodes invoke --node Kitchen --command lamp.on --params '{"level":3}')" = '{"level":3}' ]
}
has_claim() { openclaw-bridge nodes --json | grep -q "\"$1\""; }
