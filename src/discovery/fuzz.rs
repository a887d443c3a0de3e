//! What `tests/fuzz` calls.

use super::datagram::{InterfaceId, MDNS_PORT};
use super::local_name;
use super::responder::Responder;
use crate::discovery::browse_results::BrowseResults;
use crate::discovery::interfaces::{AnnouncedAddresses, Network};
use crate::discovery::service::{Announcement, Service, SERVICE_TYPE};
use crate::protocol::limits;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// Datagrams, each behind its length, reach a bridge that announces itself and one that browses.
///
/// # Panics
/// If a rule of the responder is broken.
pub fn mdns(data: &[u8]) {
    let mut responder = Responder::new(announcement(), 7);
    let mut found = BrowseResults::new(SERVICE_TYPE);
    let ip: IpAddr = [192, 168, 1, 5].into();
    let id = InterfaceId { index: 2, v6: false };
    let networks = vec![Network { ip, prefix: 24 }];
    let mut now = Instant::now();
    let addresses = AnnouncedAddresses { announced: vec![ip], networks, is_complete: true };
    responder.set_interface(now, id, addresses);
    let mut rest = data;
    while let [len, from, step, tail @ ..] = rest {
        let (packet, left) = tail.split_at((*len as usize * 4).min(tail.len()));
        rest = left;
        now += Duration::from_millis(u64::from(*step) * 4);
        let port = if from & 1 == 0 { MDNS_PORT } else { 40_000 };
        let from = SocketAddr::new([192, 168, 1, from >> 1].into(), port);
        let sent = responder.receive(now, id, from, packet, &mut |other| other == ip);
        assert!(sent.len() < 16, "{} packets for one", sent.len());
        for transmit in sent {
            assert!(transmit.bytes.len() <= limits::MDNS_REPLY);
            assert!(simple_dns::Packet::parse(&transmit.bytes).is_ok());
        }
        found.add_packet(2, packet);
        found.follow_up_queries();
        local_name::fuzz(packet);
    }
    found.bridges(&|_| "eth0".into());
    responder.view(&[]);
    responder.goodbye();
}

fn announcement() -> Announcement {
    let service = Service::example("Studio");
    Announcement { service, types: vec![SERVICE_TYPE.to_owned()], is_minimal: false }
}
