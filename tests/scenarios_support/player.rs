//! The commands of a scenario, carried out.
//!
//! ```text
//! policy canvas=URL canvasPort=N methods=a,b events=c,d commands=x.*,y pending=N pendingPerAddress=N paired=N
//! paired NODE [{profile}]          in the files at the start; its token is `token-of-NODE`
//! connect c1 [ip=ADDRESS]          c1 {frame}    c1 raw TEXT    c1 too-long    c1 tls
//! c1 too-long-answer
//! disconnect c1                    active c1
//! operator op1 METHOD [{params}]   operator op1 gone    reloaded op1
//! answered CALL {json}             answered CALL error CODE MESSAGE
//! event everyone|operators|subscribers|node:NODE|session:KEY EVENT [{payload}]
//! advance SPAN                     90s, 5m, 1500ms: what happens meanwhile is marked with when
//! disk full|ok                     restart       stop
//! show FIELD…|all                  more of the nodes and requests in answers and events
//! times N COMMAND                  with % for 1 to N; tells only what the last one did
//! big N COMMAND                    with % for N times the letter x
//! ```

use super::printer::{self, Printer};
use super::world::{Deed, World};
use openclaw_bridge::protocol::operator::{Answer, OperatorRequest, Reloaded};
use openclaw_bridge::protocol::{
    limits, Allow, BadFrame, ErrorCode, Method, NodeEvent, NodeFrame, NodeId, Token, WireError,
};
use openclaw_bridge::router::{
    Audience, BackendEvent, CallId, ConnId, Document, Input, OperatorId, PairedNode, PairingBook,
    Policy, Requester, Wall,
};
use std::net::IpAddr;
use std::time::Duration;

/// Plays one scenario.
pub(crate) struct Player {
    world: World,
    printer: Printer,
    requests: u64,
}

type Lines = Result<Vec<String>, String>;

impl Player {
    pub(crate) fn new() -> Self {
        let policy = Policy { server_name: "studio".into(), ..Policy::default() };
        let world = World::new(policy, PairingBook::default());
        Self { world, printer: Printer::default(), requests: 0 }
    }

    /// Carries out one command and tells what followed.
    pub(crate) fn play(&mut self, command: &str) -> Lines {
        let (verb, rest) = word(command);
        let input = match verb {
            "policy" => return self.policy(rest),
            "paired" => return self.paired(rest),
            "advance" => return Ok(self.advance(span(rest)?)),
            "disk" => {
                self.world.disk_full = one_of(rest, &[("full", true), ("ok", false)])?;
                return Ok(Vec::new());
            }
            "restart" => {
                self.world.restart();
                return Ok(Vec::new());
            }
            "show" => {
                self.printer.shown = rest.split_whitespace().map(Into::into).collect();
                return Ok(Vec::new());
            }
            "times" => {
                let (count, command) = word(rest);
                let mut last = Vec::new();
                for i in 1..=number(count, "")? {
                    last = self.play(&command.replace('%', &i.to_string()))?;
                }
                return Ok(last);
            }
            "big" => {
                let (count, command) = word(rest);
                let many = "x".repeat(number(count, "")? as usize);
                return self.play(&command.replace('%', &many));
            }
            "stop" => Input::Stop,
            "connect" => {
                let (name, rest) = word(rest);
                let (ip, at) = word(rest);
                let address = |rest: &str, name, usual| -> Result<IpAddr, String> {
                    let ip = if rest.is_empty() { usual } else { option(rest, name)? };
                    ip.parse().map_err(|_| format!("{ip:?} is no address"))
                };
                let peer = address(ip, "ip", "192.168.1.20")?;
                let local = address(at, "at", "192.168.1.5")?;
                Input::Connected { conn: ConnId(number(name, "c")?), peer, local }
            }
            "disconnect" => Input::Disconnected { conn: ConnId(number(rest, "c")?) },
            "active" => Input::Activity { conn: ConnId(number(rest, "c")?) },
            "operator" => self.operator(rest)?,
            "reloaded" => self.reloaded(OperatorId(number(rest, "op")?))?,
            "answered" => answered(rest)?,
            "event" => event(rest)?,
            "document" => document(rest)?,
            _ => match number(verb, "c") {
                Ok(conn) => match frame(ConnId(conn), rest)? {
                    Some(input) => input,
                    None => return Ok(Vec::new()),
                },
                Err(_) => return Err(format!("unknown command {verb:?}")),
            },
        };
        Ok(self.printer.lines(&self.world.give(input)))
    }

    fn policy(&mut self, rest: &str) -> Lines {
        let policy = &mut self.world.policy;
        for pair in rest.split(' ') {
            let (name, value) =
                pair.split_once('=').ok_or_else(|| format!("{pair:?} is not k=v"))?;
            let count = || value.parse().map_err(|_| format!("{value:?} is no number"));
            match name {
                "canvas" => policy.canvas_host_url = Some(value.into()),
                "canvasPort" => policy.canvas_port = value.parse().ok(),
                "methods" => policy.allow.methods = Some(list(value, Method::parse)?),
                "events" => policy.allow.events = Some(list(value, NodeEvent::parse)?),
                "commands" => policy.allow.commands = Some(list(value, |v| v.parse().ok())?),
                "allow" => policy.allow = one_of(value, &[("all", Allow::default())])?,
                "pending" => policy.pending_pairings = count()?,
                "pendingPerAddress" => policy.pending_pairings_per_address = count()?,
                "paired" => policy.paired_nodes = count()?,
                _ => return Err(format!("unknown rule {name:?}")),
            }
        }
        if !self.world.has_started() {
            return Ok(Vec::new());
        }
        let policy = Some(Box::new(self.world.policy.clone()));
        Ok(self.printer.lines(&self.world.give(Input::Configured { policy, reply: None })))
    }

    fn paired(&mut self, rest: &str) -> Lines {
        let (node, profile) = word(rest);
        let profile = if profile.is_empty() { "{}" } else { profile };
        let line =
            profile.replacen('{', &format!("{{\"type\":\"hello\",\"nodeId\":\"{node}\","), 1);
        let Some(Ok(NodeFrame::Hello(hello))) =
            NodeFrame::decode(line.replace(",}", "}").as_bytes())
        else {
            return Err(format!("{profile:?} is no profile"));
        };
        let node = PairedNode {
            token: Token::presented(&format!("token-of-{node}")).map(|token| token.hash()),
            profile: hello.profile.into(),
            renamed: false,
            remote_ip: None,
            created_at: Wall(0),
            approved_at: Wall(0),
            other: Default::default(),
        };
        self.world.disk = self.world.disk.with_node(hello.node?, node);
        Ok(Vec::new())
    }

    fn operator(&mut self, rest: &str) -> Result<Input, String> {
        let (op, rest) = word(rest);
        let op = OperatorId(number(op, "op")?);
        let (method, params) = word(rest);
        if method == "gone" {
            return Ok(Input::OperatorGone { op });
        }
        self.requests += 1;
        let params = if params.is_empty() { "null" } else { params };
        let id = self.requests;
        let line = format!("{{\"id\":{id},\"method\":\"{method}\",\"params\":{params}}}");
        let request = OperatorRequest::decode(line.as_bytes());
        if *request.id == *"null" {
            return Err(format!("cannot be read: {:?}", request.command));
        }
        Ok(Input::Operator { op, request })
    }

    /// The answer to the only request of this operator that waits for one.
    fn reloaded(&self, op: OperatorId) -> Result<Input, String> {
        let asked = self.world.laws.asked.iter().find(|(requester, _)| *requester == op);
        let (_, id) = asked.ok_or_else(|| format!("op{op} has asked for nothing"))?;
        let answer = Answer::Reloaded(Reloaded::default());
        let reply = Some((Requester { op, id: id.clone() }, Ok(answer)));
        Ok(Input::Configured { policy: None, reply })
    }

    fn advance(&mut self, by: Duration) -> Vec<String> {
        let start = self.world.now;
        let mut lines = Vec::new();
        self.world.pass_until(start + by, |now, deeds: Vec<Deed>| {
            let at = printer::span(now - start);
            lines.extend(self.printer.lines(&deeds).iter().map(|line| format!("+{at} {line}")));
        });
        lines
    }
}

/// What a connection sends; nothing for a blank line.
fn frame(conn: ConnId, text: &str) -> Result<Option<Input>, String> {
    let text = match text {
        "too-long" => return Ok(Some(Input::BadFrame { conn, bad: BadFrame::TooLong(65536) })),
        "too-long-answer" => {
            let bad = BadFrame::TooLong(limits::LINE_NODE);
            return Ok(Some(Input::BadFrame { conn, bad }));
        }
        "tls" => return Ok(Some(Input::BadFrame { conn, bad: BadFrame::Tls })),
        _ => text,
    };
    let raw = text.strip_prefix("raw");
    let line = raw.map_or(text, str::trim_start);
    Ok(match NodeFrame::decode(line.as_bytes()) {
        None => None,
        Some(Ok(frame)) => Some(Input::Frame { conn, frame }),
        Some(Err(bad)) if raw.is_some() => Some(Input::BadFrame { conn, bad }),
        Some(Err(bad)) => return Err(format!("not a frame ({bad:?}); if that is meant, use raw")),
    })
}

fn answered(rest: &str) -> Result<Input, String> {
    let (call, rest) = word(rest);
    let call = CallId(number(call, "")?);
    let result = match rest.strip_prefix("error ") {
        None => Ok(rest.into()),
        Some(rest) => {
            let (code, message) = word(rest);
            let code = one_of(
                code,
                &[
                    ("INVALID_REQUEST", ErrorCode::InvalidRequest),
                    ("FORBIDDEN", ErrorCode::Forbidden),
                    ("UNAVAILABLE", ErrorCode::Unavailable),
                ],
            )?;
            Err(WireError::new(code, message.to_owned()))
        }
    };
    Ok(Input::Answered { call, result })
}

fn document(rest: &str) -> Result<Input, String> {
    Ok(Input::Document(match word(rest) {
        ("health", text) => {
            let health = serde_json::from_str(text).map_err(|error| error.to_string())?;
            Document::Health(Box::new(health))
        }
        (name, text) => {
            let method = Method::parse(name).ok_or_else(|| format!("no method {name:?}"))?;
            Document::Result { method, text: text.into() }
        }
    }))
}

fn event(rest: &str) -> Result<Input, String> {
    let (to, rest) = word(rest);
    let (name, payload) = word(rest);
    let to = match to.split_once(':') {
        Some(("node", node)) => Audience::Node(NodeId::new(node)?),
        Some(("session", key)) => Audience::Session(key.into()),
        _ => one_of(
            to,
            &[
                ("everyone", Audience::Everyone),
                ("subscribers", Audience::Subscribers),
                ("operators", Audience::Operators),
            ],
        )?,
    };
    let payload = (!payload.is_empty()).then(|| payload.into());
    Ok(Input::BackendEvent(BackendEvent { to, event: name.into(), payload }))
}

fn word(text: &str) -> (&str, &str) {
    text.split_once(' ').unwrap_or((text, ""))
}

fn number(text: &str, prefix: &str) -> Result<u64, String> {
    let digits = text.strip_prefix(prefix);
    digits
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| format!("{text:?} is not {prefix}N"))
}

fn option<'a>(text: &'a str, name: &str) -> Result<&'a str, String> {
    let value = text.strip_prefix(name).and_then(|rest| rest.strip_prefix('='));
    value.ok_or_else(|| format!("{text:?} is not {name}=…"))
}

fn one_of<T: Clone>(text: &str, choices: &[(&str, T)]) -> Result<T, String> {
    let found = choices.iter().find(|(name, _)| *name == text);
    found.map(|(_, value)| value.clone()).ok_or_else(|| format!("{text:?} is not known here"))
}

fn list<T, L: FromIterator<T>>(text: &str, read: impl Fn(&str) -> Option<T>) -> Result<L, String> {
    let items = text.split(',').filter(|item| !item.is_empty());
    items.map(|item| read(item).ok_or_else(|| format!("{item:?} is not known here"))).collect()
}

fn span(text: &str) -> Result<Duration, String> {
    let at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let count: u64 = text[..at].parse().map_err(|_| format!("{text:?} is no span"))?;
    let units = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];
    Ok(Duration::from_millis(count * one_of(&text[at..], &units)?))
}
