"""A model for the gateway that is tested: it speaks OpenAI's protocol and streams what it is told.

A message that holds `RUN <command>` is answered with a call of the tool `exec` on a node, and the
tool's result is repeated. Everything else is answered with a few sentences, a word at a time.
"""

import http.server
import json
import threading
import time

SENTENCES = ("This is a reply that is streamed by a fake local model in several small pieces. " * 4).split()


def text_of(message):
    content = message.get("content")
    if isinstance(content, list):
        return " ".join(part.get("text", "") for part in content)
    return content or ""


class Model(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # The node on which programs run; with several, a gateway wants to be told.
    node = None

    def log_message(self, *_):
        pass

    def do_GET(self):
        body = json.dumps({"object": "list", "data": [{"id": "fake-1", "object": "model"}]}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
        self.close_connection = True
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        try:
            self.reply(request.get("messages", []))
        except OSError:
            pass  # The run was aborted.

    def reply(self, messages):
        # A gateway may put notes of its own behind what was asked.
        since = [m for m in messages if m.get("role") != "system"]
        while any(m.get("role") in ("assistant", "tool") for m in since[1:]):
            since = since[1:]
        results = [text_of(m) for m in since if m.get("role") == "tool"]
        asked = [text_of(m) for m in since if m.get("role") == "user" and "RUN " in text_of(m)]
        if results:
            self.say("The node says: " + results[-1], 0)
        elif asked:
            command = asked[-1].split("RUN ", 1)[1].splitlines()[0].strip()
            call = {"index": 0, "id": "call-1", "type": "function", "function": {
                "name": "exec", "arguments": json.dumps({"command": command, "host": "node", "node": self.node})}}
            self.chunk({"role": "assistant", "tool_calls": [call]})
            self.chunk({}, "tool_calls")
        else:
            self.say(" ".join(SENTENCES), 0.03)
        self.wfile.write(b"data: [DONE]\n\n")

    def say(self, text, pause):
        self.chunk({"role": "assistant", "content": ""})
        for word in text.split(" "):
            self.chunk({"content": word + " "})
            time.sleep(pause)
        self.chunk({}, "stop")

    def chunk(self, delta, finish=None):
        chunk = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "fake-1",
                 "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
        self.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
        self.wfile.flush()


def start():
    """Serves on any free port of this machine; returns the port."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]
