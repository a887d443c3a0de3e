//! Limits on what one socket takes in or sends in a second.

use crate::protocol::limits;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

/// What was not used is kept for so long.
const WINDOW: Duration = Duration::from_secs(1);

/// So much in a second, such as datagrams or bytes. What is used comes back little by little, so that
/// a flood of large amounts leaves room for small ones.
#[derive(Debug)]
pub(super) struct RateLimit {
    per_second: u32,
    /// When all will have come back.
    used_until: Option<Instant>,
}

impl RateLimit {
    pub(super) fn new(per_second: u32) -> Self {
        Self { per_second, used_until: None }
    }

    /// Uses this amount if there is so much; whether there is.
    pub(super) fn take(&mut self, now: Instant, amount: u32) -> bool {
        let until = self.used_until.map_or(now, |until| until.max(now));
        let until = until + WINDOW * amount / self.per_second;
        let is_there = until <= now + WINDOW;
        if is_there {
            self.used_until = Some(until);
        }
        is_there
    }

    /// When a tenth has come back, if nothing is left.
    fn exhausted_until(&self, now: Instant) -> Option<Instant> {
        let until =
            self.used_until.filter(|until| *until > now + WINDOW - WINDOW / self.per_second);
        until.map(|until| now + (until - now).saturating_sub(WINDOW * 9 / 10))
    }

    fn is_unused(&self, now: Instant) -> bool {
        self.used_until.is_none_or(|until| until <= now)
    }
}

/// What of the packets of one socket is read, and what of that is parsed: so many bytes in all, and
/// of one source. Parsing is what costs: a byte can stand for a long name.
#[derive(Debug)]
pub(super) struct PacketBudget {
    read: RateLimit,
    parsed: RateLimit,
    sources: BTreeMap<IpAddr, RateLimit>,
}

impl PacketBudget {
    pub(super) fn new() -> Self {
        let read = RateLimit::new(limits::MDNS_PACKETS);
        let parsed = RateLimit::new(limits::MDNS_PARSED_BYTES);
        Self { read, parsed, sources: BTreeMap::new() }
    }

    /// If nothing may be read now, when it may.
    pub(super) fn exhausted_until(&self, now: Instant) -> Option<Instant> {
        self.read.exhausted_until(now)
    }

    /// A packet of this length was read; whether it may be parsed.
    pub(super) fn take(&mut self, now: Instant, from: IpAddr, length: usize) -> bool {
        self.read.take(now, 1);
        let cost =
            u32::try_from(length).unwrap_or(u32::MAX).saturating_add(limits::MDNS_PACKET_COST);
        if !self.sources.contains_key(&from) && self.sources.len() >= limits::MDNS_SOURCES {
            self.sources.retain(|_, source| !source.is_unused(now));
        }
        // Those for whom there is no room share one limit.
        let is_full =
            self.sources.len() >= limits::MDNS_SOURCES && !self.sources.contains_key(&from);
        let from = if is_full { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { from };
        let source = self.sources.entry(from);
        let source = source.or_insert_with(|| RateLimit::new(limits::MDNS_SOURCE_BYTES));
        source.take(now, cost) && self.parsed.take(now, cost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_used_up_and_comes_back_little_by_little() {
        let (mut limit, start) = (RateLimit::new(100), Instant::now());
        let mut take = |millis, amount| limit.take(start + Duration::from_millis(millis), amount);
        assert!(take(0, 60) && take(0, 40) && !take(0, 1));
        assert!(take(100, 10) && !take(100, 1), "a tenth came back");
        assert!(take(5000, 100) && !take(5000, 1), "and never more than all");
        assert!(!take(5500, 60) && take(5500, 50), "what was refused used nothing");
        let at = |millis| start + Duration::from_millis(millis);
        assert_eq!(limit.exhausted_until(at(5500)), Some(at(5600)));
        assert_eq!(limit.exhausted_until(at(5600)), None);
        assert!(!limit.is_unused(at(6499)) && limit.is_unused(at(6500)));
    }

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    /// A second of 900 packets of 9000 bytes, each followed by one of 60 bytes of a neighbour; how many
    /// of each are parsed.
    fn flood(source: impl Fn(u32) -> IpAddr) -> (u32, u32) {
        let (mut budget, start) = (PacketBudget::new(), Instant::now());
        let (mut large, mut small) = (0, 0);
        for i in 0..900 {
            let now = start + Duration::from_secs(1) * i / 900;
            large += u32::from(budget.take(now, source(i), 9000));
            // A home with a hundred devices makes a few dozen.
            if i % 20 == 0 {
                small += u32::from(budget.take(now, ip(1), 60));
            }
        }
        assert!(budget.sources.len() <= limits::MDNS_SOURCES + 1);
        (large, small)
    }

    #[test]
    fn a_flood_of_large_packets_is_not_parsed_and_a_neighbour_is_heard() {
        let (of_one, neighbours) = flood(|_| ip(66));
        assert!(of_one <= 2 * limits::MDNS_SOURCE_BYTES / 9000, "{of_one}");
        assert_eq!(neighbours, 45);
        // With forged addresses.
        let (of_all, neighbours) = flood(|i| IpAddr::from([10, 1, (i / 256) as u8, i as u8]));
        assert!(of_all <= 2 * limits::MDNS_PARSED_BYTES / 9000, "{of_all}");
        assert!(neighbours >= 40, "{neighbours}");
    }
}
