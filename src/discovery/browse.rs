//! Looking for bridges in the local network, for `discover`.
//!
//! With our own sockets: browsing with the mDNS crate would listen on one interface and family
//! only, and bind 0.0.0.0:5353 meanwhile, which takes unicast away from an avahi on this machine.

use super::finds::{Finds, Found};
use super::interfaces::{Interface, InterfaceSelection};
use super::responder::LinkId;
use super::sockets;
use crate::addresses;
use crate::protocol::limits;
use crate::wait::poll_until;
use rustix::event::{PollFd, PollFlags};
use std::io;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

/// Between the first two questions; then twice as long each time (RFC 6762, section 5.2).
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Before what is still open is asked for.
const ASK_MORE: Duration = Duration::from_millis(200);

struct Path {
    link: LinkId,
    socket: UdpSocket,
}

/// Everything of this service type that answers within the time, on every interface that leads to
/// a local network.
///
/// # Errors
/// There is no such interface, or no list of them.
pub fn browse(service_type: &str, patience: Duration) -> io::Result<Vec<Found>> {
    let interfaces = InterfaceSelection::everywhere().choose(&addresses::list()?);
    let paths = open(&interfaces);
    if paths.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "no local network is up"));
    }
    let mut finds = Finds::new(service_type);
    let end = Instant::now() + patience;
    let (mut ask_at, mut pause) = (Instant::now(), ASK_AGAIN);
    let mut more_at: Option<Instant> = None;
    let mut buffer = vec![0; limits::MDNS_PACKET];
    loop {
        let now = Instant::now();
        if now >= end {
            break;
        }
        if now >= ask_at {
            send(&paths, &finds.question());
            (ask_at, pause) = (now + pause, pause * 2);
            more_at = Some(now + ASK_MORE);
        }
        if more_at.is_some_and(|at| now >= at) {
            finds.open_questions().iter().for_each(|packet| send(&paths, packet));
            more_at = None;
        }
        let deadline = more_at.unwrap_or(end).min(ask_at).min(end);
        for i in wait(&paths, deadline)? {
            if read(&paths[i], &mut finds, &mut buffer) && more_at.is_none() {
                more_at = Some(Instant::now() + ASK_MORE);
            }
        }
    }
    let name = |index: u32| interfaces.iter().find(|i| i.index == index).map(|i| i.name.clone());
    Ok(finds.found(&|index| name(index).unwrap_or_else(|| index.to_string())))
}

fn open(interfaces: &[Interface]) -> Vec<Path> {
    let mut paths = Vec::new();
    for interface in interfaces {
        for v6 in [false, true].into_iter().filter(|v6| interface.addresses.has_family(*v6)) {
            let link = LinkId { index: interface.index, v6 };
            match sockets::open(link) {
                Ok(socket) => paths.push(Path { link, socket }),
                Err(error) => log::warn!("discovery: cannot ask on {}: {error}", interface.name),
            }
        }
    }
    paths
}

fn send(paths: &[Path], packet: &[u8]) {
    for path in paths {
        if let Err(error) = path.socket.send_to(packet, sockets::group(path.link)) {
            log::debug!("discovery: cannot ask on {:?}: {error}", path.link);
        }
    }
}

/// The paths on which something has come in.
fn wait(paths: &[Path], deadline: Instant) -> io::Result<Vec<usize>> {
    let mut fds: Vec<_> = paths.iter().map(|p| PollFd::new(&p.socket, PollFlags::IN)).collect();
    poll_until(&mut fds, Some(deadline))?;
    Ok((0..fds.len()).filter(|i| !fds[*i].revents().is_empty()).collect())
}

/// Reads one packet; whether it told anything new.
fn read(path: &Path, finds: &mut Finds, buffer: &mut [u8]) -> bool {
    match path.socket.recv_from(buffer) {
        Ok((length, _)) => finds.read(path.link.index, &buffer[..length]),
        Err(_) => false,
    }
}
