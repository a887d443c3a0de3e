#!/bin/sh
# Takes a picture with the phone that sent the message, sends it, and says what is on it. Another
# node's camera is chosen with CAMERA_NODE, and its front with CAMERA_FACING. The picture is described
# by `llm` (https://llm.datasette.io), if that is installed, or by a local Ollama, if OLLAMA_MODEL
# names a model that sees; else it is sent without a word about it.
#
#   agent: { kind: "command", command: ["/path/to/etc/agents/camera.sh"], env: { OLLAMA_MODEL: "llava" } }
#
# By hand, with a bridge running: echo 'What is on the table?' | CAMERA_NODE=Kitchen ./camera.sh
set -eu

message=$(cat)
if [ -n "${CAMERA_NODE:-}" ]; then
    node=$CAMERA_NODE
elif [ -n "${OPENCLAW_BRIDGE_NODE_ID:-}" ]; then
    node=id:$OPENCLAW_BRIDGE_NODE_ID
else
    echo 'no node sent this message: name one with a camera in CAMERA_NODE (agent.env)' >&2
    exit 1
fi

# Prints MEDIA: and a path. A line like that in an answer is a picture. Wider ones may be too large.
media=$(openclaw-bridge nodes camera snap --node "$node" \
    --facing "${CAMERA_FACING:-back}" --max-width 1024)
picture=${media#MEDIA:}

# The message goes neither into an argument nor into a file: other users could read it.
describe() {
    if command -v llm >/dev/null 2>&1; then
        # llm knows LLM_MODEL by itself.
        printf %s "$message" | llm prompt --attachment "$picture"
    elif [ -n "${OLLAMA_MODEL:-}" ]; then
        base64 <"$picture" | tr -d '\n' |
            MESSAGE=$message jq -R '{
                model: env.OLLAMA_MODEL, prompt: env.MESSAGE, images: [.], stream: false
            }' |
            curl --silent --show-error --fail-with-body --data-binary @- \
                "${OLLAMA_URL:-http://127.0.0.1:11434}/api/generate" |
            jq -er .response
    else
        echo 'Here it is.'
    fi
}
describe || echo 'Here it is. What could have described it failed; the log of the bridge says why.'
printf '%s\n' "$media"
