#!/usr/bin/env bash
# Discovery as others see it: a gateway with two networks and a client in each, all in network
# namespaces of their own; avahi and python-zeroconf look for the bridge. Skips itself where one of
# them is missing, and without root: avahi wants to be a user of its own, which is the point of some
# of this.
#
#   tests/netns/mdns.sh PROGRAM        all of it, about a minute and a half
set -u

program=$(realpath "${1:?the program to test}")
here=$(dirname "$(realpath "$0")")
skip() { echo "skipped: $*"; exit 0; }

if [ -z "${MDNS_INSIDE:-}" ]; then
    for tool in unshare nsenter setpriv ip avahi-daemon avahi-browse dbus-daemon dig python3; do
        command -v "$tool" >/dev/null || skip "there is no $tool"
    done
    python3 -c 'import zeroconf' 2>/dev/null || skip "there is no python-zeroconf"
    [ "$(id -u)" = 0 ] || skip "it needs root"
    own=(unshare --net --mount --pid --fork --kill-child --mount-proc)
    "${own[@]}" true 2>/dev/null || skip "no network namespaces here"
    MDNS_INSIDE=1 exec "${own[@]}" "$0" "$program"
fi

work=$(mktemp -d)
chmod 755 "$work"
mount --make-rprivate /
passed=0
failed=0
ok() { passed=$((passed + 1)); echo "ok    $*"; }
bad() { failed=$((failed + 1)); echo "FAIL  $*"; }
# check WHAT COMMAND...: the command succeeds.
check() { local what=$1; shift; if "$@" >"$work/out" 2>&1; then ok "$what"; else bad "$what"; sed 's/^/      /' "$work/out" | tail -n 25; fi; }
# within SECONDS COMMAND...: the command succeeds before the time is over.
within() { local end=$((SECONDS + $1)); shift; until "$@"; do [ $SECONDS -ge $end ] && return 1; sleep 0.1; done; }

# A host is a process that holds a network namespace.
declare -A host
new_host() { unshare --net sleep infinity & host[$1]=$!; within 5 test "$(readlink "/proc/${host[$1]}/ns/net")" != "$(readlink /proc/self/ns/net)"; sleep 0.1; on "$1" ip link set lo up; }
on() { local name=$1; shift; nsenter --net="/proc/${host[$name]}/ns/net" -- "$@"; }
# wire NAME IF NAME IF: a cable.
wire() { ip link add "$2" netns "${host[$1]}" type veth peer name "$4" netns "${host[$3]}"; }
# plug NAME IF V4 V6
plug() { on "$1" sysctl -qw "net.ipv6.conf.$2.accept_dad=0" 2>/dev/null; on "$1" ip addr add "$3" dev "$2"; on "$1" ip addr add "$4" dev "$2" nodad; on "$1" ip link set "$2" up; }

for name in gw left right; do new_host "$name"; done
wire gw lan0 left eth0
wire gw lan1 right eth0
plug left eth0 10.1.0.2/24 fd01::2/64
plug right eth0 10.2.0.2/24 fd02::2/64

# avahi NAME HOSTNAME: an avahi with a message bus of its own, as user avahi.
avahi() {
    local name=$1 dir=$work/avahi-$1
    mkdir -p "$dir"
    cat >"$dir/bus.conf" <<CONF
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=$dir/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_type="method_call"/><allow send_destination="*"/><allow eavesdrop="true"/></policy></busconfig>
CONF
    printf '[server]\nhost-name=%s\nuse-ipv4=yes\nuse-ipv6=yes\n[publish]\npublish-workstation=no\n' "$2" >"$dir/avahi.conf"
    chmod -R a+rX "$dir"
    nsenter --net="/proc/${host[$name]}/ns/net" -- dbus-daemon --config-file="$dir/bus.conf" --nofork 2>"$dir/bus.log" &
    within 5 test -S "$dir/bus"
    : >"$dir/log"
    nsenter --net="/proc/${host[$name]}/ns/net" -- env DBUS_SYSTEM_BUS_ADDRESS="unix:path=$dir/bus" unshare --mount sh -c '
        mkdir -p /run/avahi-daemon && mount -t tmpfs tmpfs /run/avahi-daemon
        exec avahi-daemon --no-chroot --no-rlimits --file "$@"' sh "$dir/avahi.conf" >"$dir/log" 2>&1 &
    within 10 grep -q "Server startup complete" "$dir/log"
}
browse() { on "$1" env DBUS_SYSTEM_BUS_ADDRESS="unix:path=$work/avahi-$1/bus" timeout 20 avahi-browse -rpt _clawdbot-bridge._tcp 2>/dev/null; }
sees() { browse "$1" | grep '^=' | grep -q "$2"; }
sees_not() { ! browse "$1" | grep -q "$2"; }
resolves() { says "	$3\$" on "$1" env DBUS_SYSTEM_BUS_ADDRESS="unix:path=$work/avahi-$1/bus" timeout 6 avahi-resolve "$2" -n "$label.local"; }
look() { on "$1" timeout 20 python3 "$here/look.py" "${@:2}"; }

# bridge NAME [FLAGS]: starts a bridge on the gateway, as nobody.
declare -A bridge_pid
bridge() {
    local name=$1 dir=$work/bridge-$1
    shift
    mkdir -p "$dir"
    chmod 777 "$dir"
    [ -f "$dir/config" ] || echo "{ bridge: { name: \"$name\" } }" >"$dir/config"
    # Not through `on`: the process itself is to be killed, not a shell around it.
    nsenter --net="/proc/${host[gw]}/ns/net" -- setpriv --reuid=nobody --regid=nogroup --clear-groups \
        env -i PATH=/usr/bin:/bin HOME="$dir" "$work/openclaw-bridge" serve --config "$dir/config" --state-dir "$dir/state" --bind lan --log debug "$@" >>"$dir/log" 2>&1 &
    bridge_pid[$name]=$!
    within 10 test -S "$dir/state/control.sock"
}
cp "$program" "$work/openclaw-bridge"
status() { on gw "$work/openclaw-bridge" status --state-dir "$work/bridge-$1/state" "${@:2}"; }
says() { local what=$1; shift; "$@" 2>&1 | grep -q -- "$what"; }
stop_bridge() { kill "${bridge_pid[$1]}"; wait "${bridge_pid[$1]}" 2>/dev/null; }

hostname=$(hostname)
label=$(echo "${hostname%%.*}" | tr 'A-Z' 'a-z' | sed 's/[^a-z0-9]/-/g; s/^-*//; s/-*$//')
avahi left left
avahi right right

echo "# no interface is up yet"
bridge Studio --port 18790
check "the bridge starts without a network" says "on no interface yet" status Studio
plug gw lan0 10.1.0.1/24 fd01::1/64
plug gw lan1 10.2.0.1/24 fd02::1/64
check "avahi on the left finds it" within 12 sees left 'Studio'
check "avahi on the right finds it" within 12 sees right 'Studio'
check "status tells where" says "on lan0, lan1" status Studio

echo "# what is told"
check "avahi on the left is told that network's IPv4" sees left ";$label.local;10.1.0.1;18790;"
check "avahi on the left is told that network's IPv6" resolves left -6 fd01::1
check "avahi on the left is told nothing of the right" sees_not left ';10\.2\.\|;fd02:'
check "avahi on the right is told that network's IPv4" sees right ";$label.local;10.2.0.1;18790;"
check "avahi on the right is told nothing of the left" sees_not right ';10\.1\.\|;fd01:'
for text in role=gateway transport=bridge displayName=Studio "lanHost=$label.local" gatewayPort=18789 bridgePort=18790 sshPort=22; do
    check "avahi is told $text" sees left "\"$text\""
done
check "python-zeroconf on the left" look left "Studio (Clawdbot)" 18790 10.1.0.1 fd01::1
check "python-zeroconf on the right" look right "Studio (Clawdbot)" 18790 10.2.0.1 fd02::1
check "discover on the left" says '"addresses":\["10.1.0.1","fd01::1"\]' on left "$work/openclaw-bridge" discover --json
check "discover beside the bridge finds it on both" says '"interfaces":\["lan0","lan1"\]' on gw "$work/openclaw-bridge" discover --json
check "an old-fashioned resolver gets an answer" on left python3 "$here/legacy.py" "$label.local" 10.1.0.1 10.1.0.2 eth0

echo "# the same name twice"
mkdir -p "$work/bridge-Second"
echo '{ bridge: { name: "Studio" } }' >"$work/bridge-Second/config"
bridge Second --port 18999
check "the second one is told apart" within 10 says 'Studio (Clawdbot) (2)' status Second
check "avahi finds both" within 10 sees left 'Studio\\032\\040Clawdbot\\041\\032\\0402\\041;.*;18999;'
check "the first one has kept its name" says '"instance":"Studio (Clawdbot)"' status Studio --json
check "the machine's name is no conflict" says "\"host\":\"$label.local\"" status Second --json
stop_bridge Second
check "avahi forgets the one that stopped" within 3 sees_not left '(2\|0402'
check "and keeps the other" sees left 'Studio'

echo "# another responder on the same machine"
avahi gw "$label"
answered() { local n=0; for i in $(seq 30); do [ "$(on left dig +short +time=1 +tries=1 -p 5353 @10.1.0.1 "$label.local" A)" = 10.1.0.1 ] && n=$((n + 1)); done; echo "$n of 30 answered"; [ $n = 30 ]; }
check "avahi there answers every unicast question (30 of 30)" answered
check "avahi there keeps the machine's name" grep -q "Host name is $label.local" "$work/avahi-gw/log"
check "so does the bridge" says "\"host\":\"$label.local\"" status Studio --json
check "no conflict was seen by avahi" sh -c "! grep -qi conflict '$work/avahi-gw/log'"
check "none was seen by the bridge" sh -c "! grep -q 'is taken' '$work/bridge-Studio/log'"
check "the bridge is found as before" sees left ';10.1.0.1;18790;'

echo "# interfaces go and come"
on gw ip link del lan1
check "status follows" within 8 says 'on lan0$' status Studio
wire gw lan1 right eth1
plug right eth1 10.3.0.2/24 fd03::2/64
plug gw lan1 10.3.0.1/24 fd03::1/64
check "what comes back is announced again" within 12 sees right ';10.3.0.1;18790;'
on gw ip addr add 10.3.0.77/24 dev lan1
check "a new address is told" within 8 look right "Studio (Clawdbot)" 18790 10.3.0.1 10.3.0.77 fd03::1
on gw ip addr del 10.3.0.77/24 dev lan1
check "a lost address is taken back" within 8 look right "Studio (Clawdbot)" 18790 10.3.0.1 fd03::1

check "avahi there agreed to all of it" sh -c "! grep -qi conflict '$work/avahi-gw/log'"
check "so did the bridge" sh -c "! grep -q 'is taken' '$work/bridge-Studio/log'"

echo "# a flood"
ticks() { awk '{ print $14 + $15 }' "/proc/${bridge_pid[Studio]}/stat"; }
before=$(ticks)
on left timeout 15 python3 "$here/flood.py" 5 >"$work/flood" 2>&1
spent=$(($(ticks) - before))
cat "$work/flood"
check "the bridge spends less than 30 % of a core ($spent of 500 ticks)" test "$spent" -lt 150
check "questions make few answers" awk '/answers/ { exit !($2 < 200) } END { if (!NR) exit 1 }' "$work/flood"
check "afterwards it is found as before" within 5 sees left ';10.1.0.1;18790;'

echo "# the end"
kill "${bridge_pid[Studio]}"
check "avahi on the left sees the goodbye within 2 s" within 2 sees_not left Studio
check "avahi on the right sees it, too" within 2 sees_not right Studio
check "the machine's name is still answered by avahi there" within 3 resolves left -4 10.1.0.1
check "discover says that there is none" sh -c "! nsenter --net=/proc/${host[left]}/ns/net -- '$work/openclaw-bridge' discover --timeout 1s"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ] || { tail -n 60 "$work"/*/log; }
rm -rf "$work"
[ "$failed" = 0 ]
