#!/bin/sh
# The smallest agent: answers with the message itself.
#
#   agent: { kind: "command", command: ["/path/to/etc/agents/echo.sh"] }
#
# By hand: echo hello | ./echo.sh
set -eu

printf 'You said: '
exec cat
