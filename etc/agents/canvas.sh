#!/bin/sh
# Answers with a canvas: shows the message as a card on the screen of the phone that sent it, or of
# the node in CANVAS_NODE. What is pressed there comes back as a message. Needs jq. The messages to the
# canvas are A2UI v0.8.
#
#   agent: { kind: "command", command: ["/path/to/etc/agents/canvas.sh"] }
#
# By hand, with a bridge running: echo 'Dinner is ready' | CANVAS_NODE=Kitchen ./canvas.sh
set -eu

if ! command -v jq >/dev/null 2>&1; then
    echo 'the program jq is missing: install it with your package manager' >&2
    exit 1
fi
if [ -n "${CANVAS_NODE:-}" ]; then
    node=$CANVAS_NODE
elif [ -n "${OPENCLAW_BRIDGE_NODE_ID:-}" ]; then
    node=id:$OPENCLAW_BRIDGE_NODE_ID
else
    echo 'no node sent this message: name one with a canvas in CANVAS_NODE (agent.env)' >&2
    exit 1
fi

# The components first, then what shows them: one object per line. -R and -s make one JSON string of
# the message, whatever is in it.
jq -cRs --arg time "$(date +%H:%M)" '
    def text($id; $usage; $value):
        { id: $id, component: { Text: { text: { literalString: $value }, usageHint: $usage } } };
    { surfaceUpdate: { surfaceId: "main", components: [
        { id: "root", component: { Card: { child: "column" } } },
        { id: "column", component: { Column: {
            children: { explicitList: ["title", "message", "time", "again"] }
        } } },
        text("title"; "h2"; "You said"),
        text("message"; "body"; rtrimstr("\n")),
        text("time"; "caption"; $time),
        { id: "again", component: { Button: {
            child: "label", primary: true, action: { name: "again" }
        } } },
        text("label"; "body"; "Again")
    ] } },
    { beginRendering: { surfaceId: "main", root: "root" } }' |
    openclaw-bridge nodes canvas a2ui push --node "$node" --jsonl - >&2

echo 'It is on the canvas.'
