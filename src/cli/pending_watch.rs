//! `nodes pending --watch`: pairing requests as they come. On a terminal each is offered for approval,
//! elsewhere it is printed.

use super::nodes::{approved, pending_line};
use super::prompt;
use super::render::short_id;
use super::signals;
use super::watch::WAITING;
use super::*;
use crate::control::Client;
use crate::protocol::operator::{
    ApprovePairing, ListPairings, OperatorEvent, PairResolved, PendingView, SubscribeEvents,
};
use crate::protocol::GatewayEvent;
use crossbeam_channel::{bounded, never, select, Receiver, Sender};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::thread::Builder;

/// How often a bridge that has gone is looked for.
const RETRY: Duration = Duration::from_secs(1);

const WELCOME: &str = "Waiting for nodes that ask to be paired; Ctrl-C ends this.\n";
const QUESTION: &str = "Approve it? [y/N] ";
const FULL_ID: &str = "To approve it nevertheless, type its full request id: ";

/// Until Ctrl-C, which counts as success. The bridge may be restarted, but must run at the start.
pub(super) fn run(line: &CommandLine) -> Result<(), Failure> {
    let stopped = signals::stopped().map_err(could_not("handle signals"))?;
    let is_dialogue = prompt::is_possible() && !line.wants_json();
    let mut news = follow(line)?;
    let (known, requests) = (BTreeSet::new(), VecDeque::new());
    let mut desk = Desk { line, known, requests, shown: None, is_dialogue };
    desk.list()?;
    let typed = if is_dialogue { typed()? } else { never() };
    loop {
        desk.show_next()?;
        select! {
            recv(stopped) -> _ => return desk.leave(),
            recv(typed) -> text => match text {
                Ok(text) => desk.take(&text)?,
                Err(_) => return desk.leave(),
            },
            recv(news) -> event => match event {
                Ok(event) => desk.told(&event)?,
                Err(_) => match wait_for_bridge(&mut desk, &stopped)? {
                    Some(again) => news = again,
                    None => return desk.leave(),
                },
            },
        }
    }
}

/// The requests that wait for a decision, oldest first.
fn listed(line: &CommandLine) -> Result<VecDeque<PendingView>, Failure> {
    let pending = ask(line, &ListPairings {})?.read()?.pending;
    Ok(pending.into_iter().rev().filter(|request| request.approved_at_ms.is_none()).collect())
}

/// Has a thread read what the bridge tells, until the bridge ends.
fn follow(line: &CommandLine) -> Result<Receiver<Arc<OperatorEvent>>, Failure> {
    let names = [GatewayEvent::PairRequested, GatewayEvent::PairResolved];
    let only = names.into_iter().map(|name| name.as_str().to_owned()).collect();
    let mut client = connect(line)?;
    client.ask(&SubscribeEvents { only: Some(only) }, timeout(line))?;
    let (sender, news) = bounded(1);
    start("news", move || pass_on(&mut client, &sender))?;
    Ok(news)
}

fn pass_on(client: &mut Client, news: &Sender<Arc<OperatorEvent>>) {
    while let Ok((event, _)) = client.next_event(None) {
        if news.send(event).is_err() {
            return;
        }
    }
}

/// Has a thread read what is typed, until Ctrl-D.
fn typed() -> Result<Receiver<String>, Failure> {
    let (sender, typed) = bounded(1);
    start("keyboard", move || {
        while let Ok(Some(text)) = prompt::read_line() {
            if sender.send(text).is_err() {
                return;
            }
        }
    })?;
    Ok(typed)
}

fn start(name: &str, act: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    let started = Builder::new().name(name.into()).spawn(act);
    started.map(drop).map_err(could_not("start a thread"))
}

/// Follows the next bridge; `None` after Ctrl-C.
fn wait_for_bridge(
    desk: &mut Desk<'_>,
    stopped: &Receiver<()>,
) -> Result<Option<Receiver<Arc<OperatorEvent>>>, Failure> {
    print_on_stderr(WAITING);
    while stopped.recv_timeout(RETRY).is_err() {
        // Whatever is wrong with one that is about to start or to end.
        let Ok(news) = follow(desk.line) else { continue };
        match desk.list() {
            Err(failure) if failure.is_closed_pipe => return Err(failure),
            Err(_) => {}
            Ok(()) => return Ok(Some(news)),
        }
    }
    Ok(None)
}

/// The requests, and the one about which somebody is asked.
struct Desk<'a> {
    line: &'a CommandLine,
    /// Those that wait, as far as is known; the bridge limits how many.
    known: BTreeSet<Arc<str>>,
    /// Those of them that are to be shown.
    requests: VecDeque<PendingView>,
    shown: Option<PendingView>,
    is_dialogue: bool,
}

impl Desk<'_> {
    /// Shows the next request: all of them if nobody is asked.
    fn show_next(&mut self) -> Result<(), Failure> {
        while !self.is_dialogue {
            let Some(request) = self.requests.pop_front() else { return Ok(()) };
            if self.line.wants_json() {
                print_answer(self.line, &request, "")?;
            } else {
                print(&pending_line(&request, now_ms()))?;
            }
        }
        if self.shown.is_none() {
            if let Some(request) = self.requests.pop_front() {
                self.show(request)?;
            }
        }
        Ok(())
    }

    /// What was typed before is no answer to this.
    fn show(&mut self, request: PendingView) -> Result<(), Failure> {
        prompt::forget_typed();
        print(&format!("{}{QUESTION}", pending_line(&request, now_ms())))?;
        self.shown = Some(request);
        Ok(())
    }

    fn told(&mut self, event: &OperatorEvent) -> Result<(), Failure> {
        match event {
            OperatorEvent::PairRequested(request) => self.requested(PendingView::clone(request)),
            OperatorEvent::PairResolved(resolved) => self.resolved(resolved)?,
            _ => {}
        }
        Ok(())
    }

    fn requested(&mut self, request: PendingView) {
        let waits = self.requests.iter_mut().find(|other| other.request_id == request.request_id);
        match waits {
            Some(known) => *known = request,
            // Or it was approved, and waits for its node.
            None if request.approved_at_ms.is_some() => {}
            None if self.known.insert(request.request_id.clone()) => {
                self.requests.push_back(request);
            }
            // It came while the list was asked for, which has it.
            None => {}
        }
    }

    fn resolved(&mut self, resolved: &PairResolved) -> Result<(), Failure> {
        let PairResolved { request_id, decision, .. } = resolved;
        self.known.remove(request_id);
        self.requests.retain(|request| request.request_id != *request_id);
        if self.shown.take_if(|shown| shown.request_id == *request_id).is_some() {
            print(&format!("\nThis request has been {}.\n", safe(decision)))?;
        }
        Ok(())
    }

    /// Asks for all requests: at the start, and when a bridge is back. What was printed is not printed
    /// again; somebody who is asked is asked again.
    fn list(&mut self) -> Result<(), Failure> {
        let listed = listed(self.line)?;
        let is_listed = |id: &Arc<str>| listed.iter().any(|request| request.request_id == *id);
        self.known.retain(|id| !self.is_dialogue && is_listed(id));
        self.shown = None;
        self.requests.clear();
        listed.into_iter().for_each(|request| self.requested(request));
        print(if self.is_dialogue { WELCOME } else { "" })
    }

    fn leave(&self) -> Result<(), Failure> {
        print(if self.is_dialogue { "\n" } else { "" })
    }

    /// Takes an answer. If the bridge cannot be asked, the question stays.
    fn take(&mut self, text: &str) -> Result<(), Failure> {
        let Some(shown) = self.shown.take() else { return Ok(()) };
        match self.answer(&shown, text) {
            Err(failure) if !failure.is_closed_pipe => {
                self.requests.push_front(shown);
                print(&format!("{}\n", failure.message))
            }
            done => done,
        }
    }

    fn answer(&mut self, shown: &PendingView, text: &str) -> Result<(), Failure> {
        let (text, id) = (text.trim(), &shown.request_id);
        let is_yes = ["y", "yes"].iter().any(|yes| yes.eq_ignore_ascii_case(text));
        if !is_yes && text != &**id {
            let short = short_id(id);
            return print(&format!(
                "left as it is; `openclaw-bridge nodes reject {short}` refuses it\n"
            ));
        }
        let Some(now) = listed(self.line)?.into_iter().find(|request| request.request_id == *id)
        else {
            return print("This request is gone.\n");
        };
        if seen(&now) != seen(shown) {
            print("This has changed meanwhile:\n")?;
            return self.show(now);
        }
        // One that may be taken for something else has to be approved by its full id, as always.
        let end = id.len().saturating_sub(usize::from(is_yes && id.is_ascii()));
        let call = ApprovePairing { request_id: id[..end].to_owned() };
        match connect(self.line)?.ask(&call, timeout(self.line)) {
            Ok(reply) => print(&approved(&*reply.read()?)),
            Err(ClientError::Refused(error)) => {
                print(&format!("{}\n{FULL_ID}", safe(&error.message)))?;
                self.shown = Some(shown.clone());
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// What somebody has seen of a request who approves it.
fn seen(request: &PendingView) -> String {
    let request = PendingView {
        replaced: request.replaced.min(1),
        waiting: true,
        ts: 0,
        silent: false,
        ..request.clone()
    };
    pending_line(&request, 0)
}
