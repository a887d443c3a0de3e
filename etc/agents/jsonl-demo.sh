#!/bin/sh
# Shows output: "jsonl": text in parts, a tool, and an error if the message says "fail".
#
#   agent: { kind: "command", command: ["/path/to/etc/agents/jsonl-demo.sh"], output: "jsonl" }
#
# By hand: echo hello | ./jsonl-demo.sh
set -eu

message=$(cat)
printf '%s\n' '{"text":"Let me look at the clock. "}'
printf '%s\n' '{"tool":{"phase":"start","name":"date","toolCallId":"1","args":{}}}'
now=$(date +%H:%M)
printf '%s\n' '{"tool":{"phase":"result","name":"date","toolCallId":"1","isError":false}}'
case $message in
*fail*)
    printf '%s\n' '{"error":"the message asked for a failure"}'
    ;;
*)
    # The time needs no escaping; text from a user would.
    printf '{"text":"It is %s."}\n' "$now"
    ;;
esac
