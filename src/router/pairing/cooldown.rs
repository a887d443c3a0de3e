//! Nodes that were rejected lately, whose next request is held back for a while. Headless nodes ask
//! again the moment they are rejected (protocol section 2.6).

use crate::protocol::{limits, NodeId};
use crate::router::Mono;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// Cool-downs by node id and address.
#[derive(Debug, Default)]
pub(super) struct CoolDowns {
    by_node: BTreeMap<(NodeId, IpAddr), CoolDown>,
}

#[derive(Debug)]
struct CoolDown {
    ends: Mono,
    length: Duration,
}

impl CoolDowns {
    /// A request of this node was rejected or expired.
    pub(super) fn start(&mut self, now: Mono, node: NodeId, peer: IpAddr) {
        let before = self.by_node.remove(&(node.clone(), peer));
        let again = before.filter(|c| now.since(c.ends) < limits::COOL_DOWN_FORGOTTEN);
        let length = again.map_or(limits::COOL_DOWN, |c| (c.length * 2).min(limits::COOL_DOWN_MAX));
        if self.by_node.len() >= limits::COOL_DOWNS {
            self.forget_first();
        }
        self.by_node.insert((node, peer), CoolDown { ends: now + length, length });
    }

    /// When the node's cool-down ends, if it is not over.
    pub(super) fn ends(&self, now: Mono, node: &NodeId, peer: IpAddr) -> Option<Mono> {
        let cool_down = self.by_node.get(&(node.clone(), peer))?;
        (cool_down.ends > now).then_some(cool_down.ends)
    }

    /// The operator approved: the node has no cool-down any more.
    pub(super) fn clear(&mut self, node: &NodeId) {
        self.by_node.retain(|(other, _), _| other != node);
    }

    /// Ends the node's cool-down at this address.
    pub(super) fn forgive(&mut self, node: &NodeId, peer: IpAddr) {
        self.by_node.remove(&(node.clone(), peer));
    }

    fn forget_first(&mut self) {
        let first = self.by_node.iter().min_by_key(|(_, c)| c.ends).map(|(key, _)| key.clone());
        if let Some(key) = first {
            self.by_node.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn a_cool_down_doubles_up_to_its_maximum_and_is_forgotten_in_time() {
        let node = NodeId::new("eve").unwrap();
        let mut cool_downs = CoolDowns::default();
        let mut now = Mono::default();
        let mut lengths = Vec::new();
        for _ in 0..7 {
            cool_downs.start(now, node.clone(), HERE);
            let ends = cool_downs.ends(now, &node, HERE).unwrap();
            lengths.push(ends.since(now).as_secs());
            now = ends;
        }
        assert_eq!(lengths, [30, 60, 120, 240, 480, 600, 600]);
        assert_eq!(cool_downs.ends(now, &node, HERE), None);
        now = now + limits::COOL_DOWN_FORGOTTEN;
        cool_downs.start(now, node.clone(), HERE);
        assert_eq!(cool_downs.ends(now, &node, HERE), Some(now + limits::COOL_DOWN));
    }

    #[test]
    fn the_table_does_not_grow_without_end() {
        let mut cool_downs = CoolDowns::default();
        for i in 0..2 * limits::COOL_DOWNS {
            let node = NodeId::new(&format!("eve-{i}")).unwrap();
            cool_downs.start(Mono(Duration::from_secs(i as u64)), node, HERE);
        }
        assert_eq!(cool_downs.by_node.len(), limits::COOL_DOWNS);
    }
}
