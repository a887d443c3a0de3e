//! Searches the local network for bridges, for `discover`.

use super::browse_results::{BrowseResults, DiscoveredBridge};
use super::interfaces::InterfaceSelection;
use super::sockets::Asker;
use crate::addresses;
use std::io;
use std::time::{Duration, Instant};

/// Between the first two questions; doubles each time (RFC 6762, section 5.2).
const FIRST_INTERVAL: Duration = Duration::from_secs(1);
/// Before a question for what is missing in the answers.
const BEFORE_FOLLOW_UP: Duration = Duration::from_millis(200);

/// The bridges with this service type that answer within the timeout, on any interface that leads
/// to a local network.
pub(crate) fn browse(service_type: &str, timeout: Duration) -> io::Result<Vec<DiscoveredBridge>> {
    let interfaces = InterfaceSelection::everywhere().choose(&addresses::list()?);
    let Some(mut asker) = Asker::open(&interfaces) else {
        return Err(io::Error::new(io::ErrorKind::NotFound, "no local network is up"));
    };
    let mut results = BrowseResults::new(service_type);
    let end = Instant::now() + timeout;
    let (mut ask_at, mut interval) = (Instant::now(), FIRST_INTERVAL);
    let mut follow_up_at: Option<Instant> = None;
    loop {
        let now = Instant::now();
        if now >= end {
            break;
        }
        if now >= ask_at {
            asker.ask(&results.query());
            (ask_at, interval) = (now + interval, interval * 2);
            follow_up_at = Some(now + BEFORE_FOLLOW_UP);
        }
        if follow_up_at.is_some_and(|at| now >= at) {
            results.follow_up_queries().iter().for_each(|packet| asker.ask(packet));
            follow_up_at = None;
        }
        let deadline = follow_up_at.unwrap_or(end).min(ask_at).min(end);
        asker.listen(None, deadline, |interface, _, bytes| {
            if results.add_packet(interface, bytes) && follow_up_at.is_none() {
                follow_up_at = Some(Instant::now() + BEFORE_FOLLOW_UP);
            }
        })?;
    }
    let name = |index: u32| interfaces.iter().find(|i| i.index == index).map(|i| i.name.clone());
    Ok(results.bridges(&|index| name(index).unwrap_or_else(|| index.to_string())))
}
