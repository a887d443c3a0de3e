#!/bin/sh
# Answers with a model of a local Ollama (https://ollama.com), streaming its output. The model gets
# the messages before this one as well. Needs curl and jq.
#
#   agent: {
#     kind: "command", command: ["/path/to/etc/agents/ollama.sh"], input: "json", output: "jsonl",
#     env: { OLLAMA_MODEL: "llama3.2" },
#   }
#
# By hand: echo '{"message":"hello"}' | ./ollama.sh
set -eu

url=${OLLAMA_URL:-http://127.0.0.1:11434}
model=${OLLAMA_MODEL:-llama3.2}

for program in curl jq; do
    if ! command -v "$program" >/dev/null 2>&1; then
        echo "the program $program is missing: install it with your package manager" >&2
        exit 1
    fi
done

# A history is user and assistant messages, whose content is a list of parts; what happened on the
# nodes meanwhile is told as a system message.
request=$(jq -c --arg model "$model" '
    def words: if type == "array" then map(select(.type == "text") | .text) | join("\n") else . end;
    {
        # A session may ask for another one.
        model: (.model // $model | sub("^ollama/"; "")),
        stream: true,
        messages: (
            [(.history // [])[]
                | select(.role == "user" or .role == "assistant")
                | { role, content: (.content | words) }]
            + [(.systemEvents // [])[] | { role: "system", content: . }]
            + [{ role: "user", content: .message }]
        ),
    }')

# Every line of Ollama is an object; the piece of text is in .message.content.
printf %s "$request" |
    { curl --silent --show-error --no-buffer --data-binary @- "$url/api/chat" ||
        printf '\n{"error":"no answer from Ollama at %s; is it running (ollama serve)?"}\n' "$url"; } |
    jq -c --unbuffered '
        if .error then { error: ("ollama: " + .error) }
        elif (.message.content // "") != "" then { text: .message.content }
        else empty end'
