"""What a run is made of: a gateway from the package registry, the bridge, and old nodes."""

import json
import os
import pathlib
import queue
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.request

NODE = "node@24.21.0"
TOKEN = "upstream-run-token-5b3f9c0d"
QUIET = {f"OPENCLAW_SKIP_{name}": "1" for name in (
    "CHANNELS", "PROVIDERS", "CRON", "GMAIL_WATCHER", "BROWSER_CONTROL_SERVER", "CANVAS_HOST",
    "STARTUP_MODEL_PREWARM")}


# On a machine that is busy with something else, everything takes longer: PATIENCE=3.
PATIENCE = float(os.environ.get("PATIENCE", "1"))


class Failed(Exception):
    """Something that was to happen did not."""


def eventually(what, look, seconds=30.0, pause=0.05):
    end = time.monotonic() + seconds * PATIENCE
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(pause)
    raise Failed(f"not within {seconds * PATIENCE:.0f} s: {what}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def install(where, package):
    """The directory with this npm package, which is fetched once."""
    home = where / package.replace("@", "-")
    if not (home / "done").exists():
        print(f"fetching {package} …", flush=True)
        home.mkdir(parents=True, exist_ok=True)
        npm = ["npm", "install", "--prefix", str(home), "--no-audit", "--no-fund", "--silent"]
        # Scripts of packages are not run, except that the one for node brings the program.
        subprocess.run([*npm, *([] if package == NODE else ["--ignore-scripts"]), package], check=True)
        (home / "done").touch()
    return home / "node_modules"


def processes_of(pid):
    """A process and all that it has started."""
    found, waiting = [], [pid]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                waiting += map(int, pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text().split())
        except OSError:
            pass
    return found


def memory_mb(pid):
    total = 0
    for one in processes_of(pid):
        try:
            for line in pathlib.Path(f"/proc/{one}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    total += int(line.split()[1])
        except OSError:
            pass
    return total / 1024


def cpu_seconds(pid):
    total = 0
    for one in processes_of(pid):
        try:
            fields = pathlib.Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        except OSError:
            pass
    return total / os.sysconf("SC_CLK_TCK")


class Program:
    """A process that is stopped by its id."""

    def __init__(self, command, env, log):
        self.log = log
        with open(log, "ab") as out:
            self.process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=out, start_new_session=True)
        self.pid = self.process.pid

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Gateway:
    """A real one, on this machine, with a directory of its own and nothing that it would fetch."""

    def __init__(self, packages, version, state, model_port):
        self.version, self.state, self.port = version, state, free_port()
        self.is_old = tuple(map(int, version.split(".")[:2])) < (2026, 8)
        modules = install(packages, f"openclaw@{version}")
        self.node = install(packages, NODE) / "node/bin/node"
        self.program = [str(self.node), str(modules / "openclaw/openclaw.mjs")]
        shutil.rmtree(state, ignore_errors=True)
        state.mkdir(parents=True)
        self.file = state / "openclaw.json"
        self.running, self.calls = None, 0
        self.env = {"PATH": f"{self.node.parent}:/usr/bin:/bin", "HOME": str(state), "NO_COLOR": "1",
                    "OPENCLAW_STATE_DIR": str(state), "OPENCLAW_CONFIG_PATH": str(self.file),
                    "OPENCLAW_DISABLE_BONJOUR": "1", **QUIET}
        model = {"id": "fake-1", "name": "fake-1", "contextWindow": 64000, "maxTokens": 2000,
                 "input": ["text"], "reasoning": False,
                 "cost": {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0}}
        provider = {"baseUrl": f"http://127.0.0.1:{model_port}/v1", "apiKey": "x",
                    "api": "openai-completions", "models": [model]}
        models = {"providers": {"fakelocal": provider}}
        if not self.is_old:
            models["catalogRefresh"] = {"enabled": False}
        self.config = {
            "gateway": {"mode": "local", "bind": "loopback", "port": self.port,
                        "auth": {"mode": "token", "token": TOKEN}},
            "update": {"checkOnStart": False}, "discovery": {"mdns": {"mode": "off"}},
            "models": models,
            "tools": {"exec": {"host": "node", "security": "full", "ask": "off"}},
            "agents": {"defaults": {"model": {"primary": "fakelocal/fake-1"},
                                    "workspace": str(state / "workspace")}},
        }

    def allow(self, commands):
        nodes = {"allowCommands": commands} if self.is_old else {"commands": {"allow": commands}}
        self.config["gateway"]["nodes"] = nodes

    def start(self):
        self.file.write_text(json.dumps(self.config))
        began = time.monotonic()
        command = [*self.program, "gateway", "run", "--port", str(self.port)]
        self.running = Program(command, self.env, self.state / "gateway.log")
        eventually("the gateway is healthy", self.is_healthy, 90)
        return time.monotonic() - began

    def is_healthy(self):
        if self.running.process.poll() is not None:
            raise Failed(f"the gateway ended; see {self.running.log}")
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=1).status == 200
        except OSError:
            return False

    def stop(self):
        if self.running:
            self.running.stop()

    def invoke(self, node, command, params):
        """`openclaw nodes invoke`."""
        words = ["nodes", "invoke", "--node", node, "--command", command, "--params", json.dumps(params)]
        if not self.is_old:
            return self.cli(*words)
        call = {"nodeId": node, "command": command, "params": params, "timeoutMs": 15000, "idempotencyKey": "first"}
        self.cli("gateway", "call", "node.invoke", "--params", json.dumps(call))
        return self.cli(*words, as_before=True)

    def cli(self, *words, as_before=False):
        """Its own command line; the JSON that it prints."""
        env = self.env
        if self.is_old:
            # Its command line pairs itself with what its first command needs, and cannot get more later.
            self.calls += not as_before
            env = {**env, "OPENCLAW_STATE_DIR": str(self.state / f"cli-{self.calls}")}
        run = subprocess.run([*self.program, *words, "--json"], env=env, stdin=subprocess.DEVNULL,
                             capture_output=True, text=True, timeout=90 * PATIENCE)
        text = run.stdout
        start = min((text.index(mark) for mark in "{[" if mark in text), default=None)
        if run.returncode or start is None:
            raise Failed(f"openclaw {' '.join(words)}: {(run.stderr or text).strip()[-400:]}")
        return json.loads(text[start:])

    def nodes(self):
        return self.cli("nodes", "status").get("nodes", [])

    def official_node(self):
        """The node that comes with it, on this machine."""
        home = self.state / "official-node"
        home.mkdir()
        env = {**self.env, "OPENCLAW_STATE_DIR": str(home), "HOME": str(home),
               "OPENCLAW_CONFIG_PATH": str(home / "openclaw.json"), "OPENCLAW_GATEWAY_TOKEN": TOKEN}
        command = [*self.program, "node", "run", "--host", "127.0.0.1", "--port", str(self.port),
                   "--display-name", "Official"]
        return Program(command, env, home / "node.log")


class Bridge:
    def __init__(self, program, state, gateway):
        self.program, self.state, self.gateway = program, state, gateway
        shutil.rmtree(state, ignore_errors=True)
        state.mkdir(parents=True, mode=0o700)
        self.running = self.port = None
        self.env = {"PATH": "/usr/bin:/bin", "HOME": str(state),
                    "OPENCLAW_BRIDGE_STATE_DIR": str(state / "state")}

    def start(self, **backend):
        token = self.state / "token"
        token.write_text(TOKEN)
        token.chmod(0o600)
        backend |= {"kind": "openclaw", "url": f"ws://127.0.0.1:{self.gateway.port}", "tokenFile": str(token)}
        config = self.state / "bridge.json5"
        config.write_text(json.dumps({"backend": backend}))
        command = [self.program, "serve", "--port", "0", "--log", "debug", "--config", str(config)]
        self.running = Program(command, self.env, self.state / "bridge.log")
        status = eventually("the bridge answers", lambda: self.try_ask("status"), pause=0.01)
        self.port = int(status["listeners"][0]["address"].rsplit(":", 1)[1])

    def stop(self):
        if self.running:
            self.running.stop()

    def try_ask(self, method, params=None):
        try:
            return self.ask(method, params)
        except OSError:
            return None

    def ask(self, method, params=None):
        """One question on the control socket."""
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(20 * PATIENCE)
            control.connect(str(self.state / "state/control.sock"))
            control.sendall(json.dumps({"id": 1, "method": method, "params": params or {}}).encode() + b"\n")
            reply = json.loads(control.makefile().readline() or "{}")
        if not reply.get("ok"):
            raise Failed(f"{method}: {reply.get('error')}")
        return reply.get("payload")

    def cli(self, *words):
        run = subprocess.run([self.program, *words], env=self.env, capture_output=True, text=True, timeout=30)
        return run.stdout + run.stderr


class Phone:
    """An old node: a socket and lines of JSON."""

    def __init__(self, bridge, node, profile, token=None):
        self.node, self.profile, self.token = node, profile, token
        self.frames, self.handlers, self.calls = [], {}, 0
        self.answers, self.closed = queue.Queue(), False
        self.socket = socket.create_connection(("127.0.0.1", bridge.port))
        self.hello_ok = threading.Event()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        self.send({"type": "hello", "nodeId": node, **({"token": token} if token else {}), **profile})
        if not token:
            self.send({"type": "pair-request", "nodeId": node, **profile})
            asked = lambda: [p for p in bridge.ask("node.pair.list")["pending"] if p["nodeId"] == node]
            request = eventually("the phone asks", asked, pause=0.01)[0]
            bridge.ask("node.pair.approve", {"requestId": request["requestId"]})
        if not self.hello_ok.wait(20 * PATIENCE):
            raise Failed(f"{node} was not admitted: {self.frames}")

    def send(self, frame):
        self.socket.sendall(json.dumps(frame).encode() + b"\n")

    def read(self):
        try:
            for line in self.socket.makefile(encoding="utf-8"):
                frame = json.loads(line)
                frame["at"] = time.monotonic()
                self.frames.append(frame)
                if frame["type"] == "pair-ok":
                    self.token = frame["token"]
                elif frame["type"] == "hello-ok":
                    self.hello_ok.set()
                elif frame["type"] == "res":
                    self.answers.put(frame)
                elif frame["type"] == "ping":
                    self.send({"type": "pong", "id": frame["id"]})
                elif frame["type"] == "invoke":
                    self.invoked(frame)
        except (OSError, ValueError):
            pass
        self.closed = True

    def invoked(self, frame):
        params = json.loads(frame.get("paramsJSON") or "{}")
        handler = self.handlers.get(frame["command"], lambda _: {"echo": params})
        self.send({"type": "invoke-res", "id": frame["id"], "ok": True,
                   "payloadJSON": json.dumps(handler(params))})

    def event(self, name, payload):
        self.send({"type": "event", "event": name, "payloadJSON": json.dumps(payload)})

    def call(self, method, params=None):
        """The answer: its payload, or its error as `CODE: message`."""
        self.calls += 1
        name = f"c{self.calls}"
        self.send({"type": "req", "id": name, "method": method, "paramsJSON": json.dumps(params or {})})
        while True:
            # The bridge answers every request, after a minute at most.
            frame = self.answers.get(timeout=90)
            if frame["id"] == name:
                if frame["ok"]:
                    return json.loads(frame["payloadJSON"])
                return f"{frame['error']['code']}: {frame['error']['message']}"

    def heard(self, event, **fields):
        """The payloads of events with these fields."""
        found = []
        for frame in list(self.frames):
            if frame.get("event") == event:
                payload = json.loads(frame.get("payloadJSON") or "{}")
                if all(payload.get(name) == value for name, value in fields.items()):
                    found.append(payload)
        return found

    def close(self):
        # The reader has to see it, too.
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()
