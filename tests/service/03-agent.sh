# The README's agent answers inside the unit's sandbox, and gets nothing that was meant for the bridge.
on <<'END'
# `llm` as far as llm.sh knows it: keeps each conversation in a database.
cat >/usr/local/bin/llm <<'LLM'
#!/bin/sh
set -eu
while [ "$1" != -d ]; do shift; done
message=$(cat)
echo "$message" >>"$2"
case $message in environment) exec env ;; esac
echo "$(wc -l <"$2") messages in $2, home $HOME, in $(pwd), umask $(umask)"
touch /tmp/scratch
for place in /etc /usr/local/bin /home /var/lib /root; do
    if touch "$place/by-the-agent" 2>/dev/null; then echo "it can write to $place"; fi
done
if command -v openclaw-bridge >/dev/null; then openclaw-bridge nodes --json | head -c 2; fi
LLM
chmod 755 /usr/local/bin/llm
sed -n '/^## Add an agent/,/^## /p' /home/pi/openclaw-bridge/README.md | sed -n 's/^{ agent:/&/p' | configure
install_it
start_it
for _ in 1 2; do openclaw-bridge chat send hello | tee /tmp/said | sed 's/^/   | /'; done
home=/var/lib/openclaw-bridge
grep -q "^2 messages in $home/.*, home $home, in /.*, umask 0077" /tmp/said || fail "no second message"
if grep "it can" /tmp/said; then fail "the sandbox is open"; fi
openclaw-bridge chat send --session two environment >/tmp/said
grep -q ^OPENCLAW_BRIDGE_SOCKET= /tmp/said || fail "it does not know the bridge"
for name in GLIBC_TUNABLES JOURNAL_STREAM NOTIFY_SOCKET WATCHDOG_USEC WATCHDOG_PID LISTEN_FDS CREDENTIALS_DIRECTORY; do
    if grep "^$name=" /tmp/said; then fail "the agent has $name"; fi
done
tr '\0' '\n' <"/proc/$(main_pid)/environ" | grep -q ^NOTIFY_SOCKET= || fail "and the bridge has not"
say "the agent's environment: $(cut -d= -f1 /tmp/said | sort | paste -sd' ')"
END
