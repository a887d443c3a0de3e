# The README's commands install a service from source that runs at once, over TLS, and pair a node.
block=$(sed -n '/^## Install it as a service/,/^## /p' "$source/README.md" | sed -n 's/^\$ //p' | sed 's/ *#.*//')
# The program is there already, and building it is not what can fail here.
echo "$block" | grep -v '^make build$' >"$dir/root/home/pi/commands"
on <<'END'
began=${EPOCHREALTIME/./}
# As pi types it, at a terminal; what pi answers comes from standard input.
typed() {
    say "\$ $*"
    # shellcheck disable=SC2016
    setpriv --reuid=pi --regid=pi --init-groups --reset-env \
        script -qec "cd ~/openclaw-bridge && $*" /dev/null >/tmp/said 2>&1 ||
        fail "$*: $(cat /tmp/said)"
    sed 's/^/   | /' /tmp/said
}
while read -r command <&3; do
    case $command in
    *" setup")
        # Enter: four times, and once for writing it.
        printf '\n\n\n\n\n' | typed "$command"
        ;;
    *--watch*)
        # The phone, more or less.
        setpriv --reuid=guest --regid=guest --clear-groups env HOME=/tmp openclaw-bridge node --host 127.0.0.1 \
            --tls --display-name Kitchen --token-file /tmp/node.json --handle lamp.on=/bin/cat >/tmp/node 2>&1 &
        mkfifo /tmp/keys
        exec 4<>/tmp/keys
        typed "$command" </tmp/keys &
        eventually grep -q Kitchen /tmp/said
        echo y >&4
        eventually kitchen_answers
        say "the node answers: $(((${EPOCHREALTIME/./} - began) / 1000)) ms after the first command, without the build"
        # Ctrl-C ends the watching.
        printf '\003' >&4
        wait %?typed || fail "Ctrl-C: $?"
        ;;
    *) typed "$command" </dev/null ;;
    esac
done 3</home/pi/commands
openclaw-bridge status | tee /tmp/said | sed 's/^/   | /'
grep -q '0.0.0.0:18790 (TLS required)' /tmp/said || fail "it does not listen"
[ "$(systemctl is-enabled $unit) $(systemctl is-active $unit)" = "enabled active" ] || fail "not at the next boot"
END
