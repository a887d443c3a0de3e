#!/usr/bin/env python3
"""Old nodes in real gateways: plays every method and event against each, and measures.

usage: run.py PROGRAM DIRECTORY [VERSION …]

`make upstream` runs it with 2026.9.6 and 2026.5.22. Gateways and node.js come from the npm registry
into DIRECTORY (650 MB each, fetched once) and listen on 127.0.0.1 only, with state directories of
their own and everything switched off that they would fetch; a model that streams is part of this.
The report goes to DIRECTORY/report.md. The exit status is 1 if anything failed.
"""

import json
import pathlib
import signal
import sys
import time

import model
from parts import Bridge, Failed, Gateway, Phone, cpu_seconds, eventually, memory_mb

VERSIONS = ["2026.9.6", "2026.5.22"]
IPHONE = {"displayName": "Anna's iPhone", "platform": "iOS 17.2", "version": "2026.1.17", "coreVersion": "7",
          "deviceFamily": "iPhone", "modelIdentifier": "iPhone17,1", "caps": ["canvas", "camera"],
          "commands": ["location.get", "camera.list", "camera.snap", "screen.record"],
          "permissions": {"camera": True}}
MAC = {"displayName": "Old Mac", "platform": "macos", "deviceFamily": "Mac", "caps": ["system"],
       "commands": ["system.run", "system.which", "location.get"]}
ALLOWED = ["camera.snap"]


class Run:
    """One gateway: what was tried, and what came of it."""

    def __init__(self, gateway, bridge):
        self.gateway, self.bridge, self.rows, self.failed = gateway, bridge, {}, []

    def does(self, what, play):
        began = time.monotonic()
        try:
            self.rows[what] = str(play() or "ok")
        except Exception as error:  # noqa: BLE001 - whatever went wrong belongs into the report
            self.rows[what] = f"FAILED: {type(error).__name__}: {error}"
            self.failed.append(what)
        print(f"  {what}: {self.rows[what]} ({time.monotonic() - began:.1f} s)", flush=True)

    def row(self, name):
        return next((node for node in self.gateway.nodes() if node["displayName"].startswith(name)), None)

    def tried(self, *words):
        try:
            return self.gateway.cli(*words)
        except Failed:
            return None

    def approve(self, phone):
        """By the command that the bridge shows, as a person would; or, where it cannot know the request,
        by the one that is pending."""
        def shown():
            text = self.bridge.cli("nodes", "describe", phone.node)
            lines = [line for line in text.splitlines() if "openclaw nodes" in line]
            return lines and lines[0].split("openclaw nodes", 1)[1].split()
        words = eventually("the bridge shows how to approve", shown, 40, 0.5)
        if words[0] == "approve":
            request = words[1].strip("`'\".,;)")
        else:
            pending = self.gateway.cli("nodes", "pending")
            pending = pending if isinstance(pending, list) else pending.get("pending", [])
            name = phone.profile["displayName"]
            request = next(p["requestId"] for p in pending if p["displayName"].startswith(name))
        # A gateway that has just started is busy, and its own command line then asks for too few scopes.
        eventually("the approval", lambda: self.tried("nodes", "approve", request), 60, 3)
        allowed = lambda: (self.row(phone.profile["displayName"]) or {}).get("commands")
        return words[0], eventually("it may do something", allowed)


def state_of(bridge, node):
    """What the bridge says of a node's connection to the gateway."""
    found = [n for n in bridge.ask("node.list")["nodes"] if n["nodeId"] == node]
    return json.dumps(found[0].get("gateway")) if found else ""


def check(condition, what):
    if not condition:
        raise Failed(str(what)[:400])


def nodes_and_invokes(run, phone, mac):
    gateway, bridge = run.gateway, run.bridge
    def approved():
        word, commands = run.approve(phone)
        return f"shown: `openclaw nodes {word}`; {', '.join(commands)}"

    run.does("paired silently, commands approved", approved)
    run.does("exec node: approved with system.run.prepare",
             lambda: check("system.run.prepare" in run.approve(mac)[1], run.row("Old Mac")))

    def limited():
        key = "allowCommands" if gateway.is_old else "commands.allow"

        def shown():
            text = bridge.cli("nodes", "describe", phone.node)
            return f'gateway.nodes.{key}: ["screen.record"]' in text

        eventually("the line for screen.record", shown, 20, 0.5)
        return f"screen.record is missing, `gateway.nodes.{key}` is named"

    def invoked():
        params = {"desiredAccuracy": "precise"}
        answer = gateway.invoke(run.row("Anna")["nodeId"], "location.get", params)
        check(answer["payload"] == {"echo": params}, answer)

    run.does("missing commands are shown with the line that allows them", limited)
    run.does("openclaw nodes invoke", invoked)


def methods(run, phone, with_admin):
    admin = ["sessions.reset", "sessions.delete", "sessions.compact", "chat.inject", "config.set", "config.patch"]
    calls = {
        "health": {}, "voicewake.get": {}, "voicewake.set": {"triggers": ["one", "two"]},
        "talk.mode": {"enabled": True, "phase": "listening"}, "models.list": {}, "skills.bins": {},
        "config.get": {}, "config.schema": {},
        "sessions.list": {"includeGlobal": True, "includeUnknown": False, "limit": 50},
        "sessions.resolve": {"key": "main"}, "sessions.patch": {"key": "main", "thinkingLevel": "off"},
        "chat.history": {"sessionKey": "main", "limit": 50},
        "chat.inject": {"sessionKey": "main", "message": "injected", "label": "test"},
        "sessions.compact": {"key": "main", "maxLines": 100}, "sessions.reset": {"key": "main"},
        "sessions.delete": {"key": "node-phone-1"},
    }
    for method in ["config.set", "config.patch"]:
        calls[method] = {"raw": "{}"}
    for method, params in calls.items():
        if with_admin and method not in [*admin, "sessions.patch", "config.schema"]:
            continue

        def play(method=method, params=params):
            if with_admin and method.startswith("config.") and method in admin:
                params = {"raw": json.dumps({"ui": {"seamColor": "#ff8800"}}),
                          "baseHash": phone.call("config.get")["hash"]}
                if method == "config.set":
                    params["raw"] = json.dumps(run.gateway.config)
            answer = phone.call(method, params)
            if isinstance(answer, dict):
                return "ok: " + ", ".join(sorted(answer))
            check(answer.startswith("FORBIDDEN") and not with_admin, answer)
            return "refused, operator.admin"

        run.does(method + (" (adminMethods)" if with_admin else ""), play)


def sent(phone, text, run_id):
    answer = phone.call("chat.send", {"sessionKey": "main", "message": text, "idempotencyKey": run_id,
                                      "thinking": "off", "timeoutMs": 30000})
    check(isinstance(answer, dict) and answer["runId"] == run_id, answer)


def chat(run, phone):
    phone.event("chat.subscribe", {"sessionKey": "main"})
    time.sleep(1)  # The event is not answered.

    def streamed():
        sent(phone, "hello", "run-1")
        ends = lambda: [e for e in phone.heard("chat", runId="run-1") if e["state"] != "delta"]
        eventually("the run ends", ends, 60)
        time.sleep(1)
        check([(e["state"], e["sessionKey"]) for e in ends()] == [("final", "main")], ends())
        deltas = phone.heard("chat", runId="run-1", state="delta")
        texts = [d["message"]["content"][0]["text"] for d in deltas]
        check(len(deltas) > 3 and texts == sorted(texts, key=len), texts)
        frames = [f["at"] for f in phone.frames if f.get("event") == "chat" and '"delta"' in f["payloadJSON"]]
        gaps = sorted(b - a for a, b in zip(frames, frames[1:-1]))
        return f"{len(deltas)} deltas, least gap {1000 * gaps[0]:.0f} ms, one end"

    def history():
        answer = phone.call("chat.history", {"sessionKey": "main"})
        roles = [m["role"] for m in answer["messages"]]
        check(roles[:2] == ["user", "assistant"] and "custom" not in roles, roles)
        check(all(isinstance(m["content"], list) for m in answer["messages"]), answer)
        check(answer["thinkingLevel"] and answer["sessionKey"] == "main", answer)
        return f"{len(roles)} messages, thinkingLevel {answer['thinkingLevel']}"

    def agent_events():
        session = phone.call("chat.history", {"sessionKey": "main"})["sessionId"]
        phone.frames.clear()
        sent(phone, "again", "run-2")
        eventually("the run ends", lambda: phone.heard("chat", runId="run-2", state="final"), 60)
        own = [e for e in phone.heard("agent", stream="assistant") if e["runId"] == session]
        check(own, phone.heard("agent")[:2])
        return f"{len(own)} assistant events with the session's id as runId"

    def aborted():
        phone.frames.clear()
        # The old gateway takes what comes at the end of a run for a part of that run.
        time.sleep(5)
        sent(phone, "to be aborted", "run-3")
        eventually("it has begun", lambda: phone.heard("chat", runId="run-3", state="delta"), 60)
        answer = phone.call("chat.abort", {"sessionKey": "main", "runId": "run-3"})
        check(answer["aborted"], answer)
        eventually("it ends", lambda: phone.heard("chat", runId="run-3", state="aborted"), 20)

    def stopped():
        answer = phone.call("chat.send", {"sessionKey": "main", "message": "/stop", "idempotencyKey": "run-4"})
        check(answer["runId"] == "run-4" and answer["status"] == "aborted", answer)
        eventually("an end of it", lambda: phone.heard("chat", runId="run-4", state="aborted"), 10)

    def spoken():
        phone.frames.clear()
        phone.event("voice.transcript", {"text": "spoken words", "sessionKey": "main"})
        eventually("a final", lambda: phone.heard("chat", state="final"), 60)
        last = [m for m in phone.call("chat.history", {"sessionKey": "main"})["messages"] if m["role"] == "user"][-1]
        check(last["content"][0]["text"].endswith("spoken words"), last)

    def requested():
        phone.event("chat.subscribe", {"sessionKey": f"node-{phone.node}"})
        time.sleep(1)
        phone.event("agent.request", {"message": "requested", "thinking": "off", "deliver": False, "to": None})
        key = f"node-{phone.node}"
        eventually("a final", lambda: phone.heard("chat", state="final", sessionKey=key), 60)
        return f"session {key}"

    run.does("chat.send with streamed deltas", streamed)
    run.does("chat.history", history)
    run.does("agent events", agent_events)
    run.does("chat.abort", aborted)
    run.does("chat.send /stop", stopped)
    run.does("voice.transcript", spoken)
    run.does("agent.request without a session", requested)


def broadcasts(run, phone):
    def words():
        phone.frames.clear()
        phone.call("voicewake.set", {"triggers": ["computer"]})
        eventually("the change", lambda: phone.heard("voicewake.changed", triggers=["computer"]), 10)
        time.sleep(0.5)
        return f"heard {len(phone.heard('voicewake.changed'))} time(s)"

    def ticks():
        phone.frames.clear()
        eventually("a tick", lambda: phone.heard("tick"), 40, 0.2)
        time.sleep(1)
        health = phone.heard("health")
        check(len(phone.heard("tick")) == 1 and all(set(h) <= {"ok", "ts", "durationMs"} for h in health), health)
        return f"1 tick, {len(health)} health"

    run.does("voicewake.changed", words)
    run.does("tick and health", ticks)


def programs(run, phone, mac):
    """The agent runs a program on the Mac, whose plan the bridge makes."""
    def ran(params):
        mac.event("exec.finished", {"sessionKey": "main", "runId": "own", "host": "node", "success": True,
                                    "command": params.get("rawCommand"), "exitCode": 0, "output": "Darwin old-mac"})
        return {"exitCode": 0, "timedOut": False, "success": True, "stdout": "Darwin old-mac\n", "stderr": "", "error": None}

    def play():
        mac.handlers["system.run"] = ran
        model.Model.node = run.row("Old Mac")["nodeId"]
        phone.frames.clear()
        sent(phone, "please RUN uname -a", "run-exec")
        eventually("the run ends", lambda: phone.heard("chat", runId="run-exec", state="final"), 60)
        text = json.dumps(phone.heard("chat", runId="run-exec", state="final"))
        ran_there = [f for f in mac.frames if f["type"] == "invoke" and f["command"] == "system.run"]
        check(ran_there and "Darwin" in text, text)
        return "system.run with the bridge's plan, the output reached the model"

    run.does("exec on an old node", play)


def restarted(run, phone):
    def play():
        run.gateway.stop()
        answer = phone.call("chat.history", {"sessionKey": "main"})
        check(str(answer).startswith("UNAVAILABLE"), answer)
        phone.event("agent.request", {"message": "while away", "thinking": "off"})
        phone.frames.clear()
        took = run.gateway.start()
        began = time.monotonic()
        key = f"node-{phone.node}"
        eventually("what was asked while it was away is answered",
                   lambda: phone.heard("chat", state="final", sessionKey=key), 90)
        check(not phone.closed, "the phone lost its connection")
        return f"gateway up after {took:.0f} s, the event that waited was answered {time.monotonic() - began:.0f} s later"

    run.does("restart of the gateway under a connected node", play)


def measured(run):
    """Memory and processor with 1, 10 and 60 nodes, and the official node beside them."""
    bridge, gateway = run.bridge, run.gateway
    crowd = []

    def with_nodes(count):
        while len(crowd) < count:
            number = len(crowd)
            profile = {**IPHONE, "displayName": f"Crowd {number}"}
            crowd.append(Phone(bridge, f"crowd-{number}", profile))
        ids = {f"crowd-{number}" for number in range(count)}
        is_in = lambda: all('"connect' not in state_of(bridge, one) for one in ids)
        eventually("all are with the gateway", lambda: len([
            n for n in gateway.nodes() if n.get("connected") and n["displayName"].startswith("Crowd")]) == count and is_in, 120, 1)
        began, cpu = time.monotonic(), cpu_seconds(bridge.running.pid)
        time.sleep(20)
        spent = (cpu_seconds(bridge.running.pid) - cpu) / (time.monotonic() - began)
        return f"{memory_mb(bridge.running.pid):.1f} MB, {100 * spent:.2f} % CPU idle"

    for count in (1, 10, 60):
        run.does(f"bridge with {count} more node(s)", lambda count=count: with_nodes(count))

    def official():
        node = gateway.official_node()
        try:
            eventually("the official node is there", lambda: run.row("Official"), 60, 1)
            time.sleep(10)
            began, cpu = time.monotonic(), cpu_seconds(node.pid)
            time.sleep(20)
            spent = (cpu_seconds(node.pid) - cpu) / (time.monotonic() - began)
            return f"{memory_mb(node.pid):.0f} MB, {100 * spent:.2f} % CPU idle, for one node"
        finally:
            node.stop()

    run.does("official node host (`openclaw node run`)", official)
    for phone in crowd:
        phone.close()


def started(run, phone):
    """From `serve` to the first node that the gateway has accepted."""
    def play():
        bridge = run.bridge
        phone.close()
        bridge.stop()
        began = time.monotonic()
        bridge.start(execNodes=["mac-1"], adminMethods=True)
        run.phone = Phone(bridge, phone.node, phone.profile, phone.token)
        eventually("a call over its own connection", lambda: isinstance(run.phone.call("skills.bins"), dict), 30, 0.01)
        return f"{time.monotonic() - began:.2f} s"

    run.does("from `serve` to the first node accepted", play)


def play(program, packages, version, model_port):
    print(f"\n{version}", flush=True)
    gateway = Gateway(packages, version, packages / f"state-{version}", model_port)
    bridge = Bridge(program, packages / f"bridge-{version}", gateway)
    run = Run(gateway, bridge)
    gateway.allow(ALLOWED)
    try:
        run.does("start of the gateway", lambda: f"{gateway.start():.1f} s, {memory_mb(gateway.running.pid):.0f} MB")
        bridge.start(execNodes=["mac-1"])
        phone, mac = Phone(bridge, "phone-1", IPHONE), Phone(bridge, "mac-1", MAC)
        nodes_and_invokes(run, phone, mac)
        chat(run, phone)
        methods(run, phone, with_admin=False)
        broadcasts(run, phone)
        programs(run, phone, mac)
        restarted(run, phone)
        mac.close()
        started(run, phone)
        methods(run, run.phone, with_admin=True)
        measured(run)
        log = (bridge.state / "bridge.log").read_text() + (bridge.state / "bridge.json5").read_text()
        run.does("no token in the bridge's log", lambda: check("upstream-run-token" not in log, "it is there"))
    except Failed as error:
        run.failed.append(str(error))
        print(f"  gave up: {error}", flush=True)
    finally:
        bridge.stop()
        gateway.stop()
    return run


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    # What was started is stopped, also when this is interrupted.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    program, packages = str(pathlib.Path(sys.argv[1]).resolve()), pathlib.Path(sys.argv[2]).resolve()
    versions = sys.argv[3:] or VERSIONS
    port = model.start()
    runs = {version: play(program, packages, version, port) for version in versions}
    names = dict.fromkeys(name for run in runs.values() for name in run.rows)
    cell = lambda run, name: run.rows.get(name, "-").replace("|", "\\|").replace("\n", " ")
    lines = [f"| | {' | '.join(runs)} |", "|" + " --- |" * (len(runs) + 1)]
    lines += [f"| {name} | {' | '.join(cell(run, name) for run in runs.values())} |" for name in names]
    report = "\n".join(lines) + "\n"
    (packages / "report.md").write_text(report)
    print(f"\n{report}")
    failed = {version: run.failed for version, run in runs.items() if run.failed}
    if failed:
        sys.exit(f"failed: {failed}")


if __name__ == "__main__":
    main()
