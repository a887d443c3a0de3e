//! Cool-downs: after a rejection, the next request is held back for a while. Headless nodes ask again
//! the moment they are rejected (protocol section 2.6), and whoever wants to wear an operator out
//! takes a new node id each time. So there are two: of a node id at its origin, which is long, and
//! of the origin, which is short, because whoever else lives there waits for it, too.

use crate::origin::Origin;
use crate::protocol::{limits, NodeId};
use crate::router::Mono;
use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Debug)]
pub(super) struct CoolDowns {
    of_nodes: Table<(Origin, NodeId)>,
    of_origins: Table<Origin>,
}

#[derive(Debug)]
struct Table<K> {
    shortest: Duration,
    longest: Duration,
    forgotten_after: Duration,
    entries: BTreeMap<K, CoolDown>,
}

#[derive(Debug)]
struct CoolDown {
    ends: Mono,
    length: Duration,
}

impl Default for CoolDowns {
    fn default() -> Self {
        Self {
            of_nodes: Table {
                shortest: limits::COOL_DOWN,
                longest: limits::COOL_DOWN_MAX,
                forgotten_after: limits::COOL_DOWN_FORGOTTEN,
                entries: BTreeMap::new(),
            },
            of_origins: Table {
                shortest: limits::ORIGIN_COOL_DOWN,
                longest: limits::ORIGIN_COOL_DOWN_MAX,
                forgotten_after: limits::ORIGIN_COOL_DOWN_FORGOTTEN,
                entries: BTreeMap::new(),
            },
        }
    }
}

impl CoolDowns {
    /// A request of this node was rejected or expired.
    pub(super) fn start(&mut self, now: Mono, (origin, node): (Origin, &NodeId)) {
        self.of_nodes.start(now, (origin, node.clone()));
    }

    /// A request from there was rejected, or gave way to another.
    pub(super) fn start_origin(&mut self, now: Mono, origin: Origin) {
        self.of_origins.start(now, origin);
    }

    /// When a request of this node from there may be shown, if not at once.
    pub(super) fn ends(&self, now: Mono, (origin, node): (Origin, &NodeId)) -> Option<Mono> {
        let of_node = self.of_nodes.ends(now, &(origin, node.clone()));
        of_node.max(self.of_origins.ends(now, &origin))
    }

    /// The operator approved the node: it has no cool-down any more.
    pub(super) fn clear(&mut self, node: &NodeId) {
        self.of_nodes.entries.retain(|(_, other), _| other != node);
    }

    /// Whoever is there is known to the operator, this node at least.
    pub(super) fn forgive(&mut self, (origin, node): (Origin, &NodeId)) {
        self.of_nodes.entries.remove(&(origin, node.clone()));
        self.of_origins.entries.remove(&origin);
    }
}

impl<K: Clone + Ord> Table<K> {
    fn start(&mut self, now: Mono, key: K) {
        let before = self.entries.remove(&key);
        let again = before.filter(|c| now.since(c.ends) < self.forgotten_after);
        let length = again.map_or(self.shortest, |c| (c.length * 2).min(self.longest));
        if self.entries.len() >= limits::COOL_DOWNS {
            self.forget_first();
        }
        self.entries.insert(key, CoolDown { ends: now + length, length });
    }

    fn ends(&self, now: Mono, key: &K) -> Option<Mono> {
        self.entries.get(key).map(|cool_down| cool_down.ends).filter(|ends| *ends > now)
    }

    fn forget_first(&mut self) {
        let first = self.entries.iter().min_by_key(|(_, c)| c.ends).map(|(key, _)| key.clone());
        if let Some(key) = first {
            self.entries.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> Origin {
        Origin::of([192, 168, 1, 20].into())
    }

    #[test]
    fn a_cool_down_doubles_up_to_its_maximum_and_is_forgotten_in_time() {
        let node = NodeId::new("eve").unwrap();
        let mut cool_downs = CoolDowns::default();
        let mut now = Mono::default();
        let mut lengths = Vec::new();
        for _ in 0..7 {
            cool_downs.start(now, (here(), &node));
            let ends = cool_downs.ends(now, (here(), &node)).unwrap();
            lengths.push(ends.since(now).as_secs());
            now = ends;
        }
        assert_eq!(lengths, [30, 60, 120, 240, 480, 600, 600]);
        assert_eq!(cool_downs.ends(now, (here(), &node)), None);
        now = now + limits::COOL_DOWN_FORGOTTEN;
        cool_downs.start(now, (here(), &node));
        assert_eq!(cool_downs.ends(now, (here(), &node)), Some(now + limits::COOL_DOWN));
    }

    #[test]
    fn the_table_does_not_grow_without_end() {
        let mut cool_downs = CoolDowns::default();
        for i in 0..2 * limits::COOL_DOWNS {
            let node = NodeId::new(&format!("eve-{i}")).unwrap();
            cool_downs.start(Mono(Duration::from_secs(i as u64)), (here(), &node));
        }
        assert_eq!(cool_downs.of_nodes.entries.len(), limits::COOL_DOWNS);
    }

    #[test]
    fn an_origin_cools_down_for_less_than_the_apps_wait() {
        let mut cool_downs = CoolDowns::default();
        let there = Origin::of([192, 168, 1, 21].into());
        let (mut now, mut lengths) = (Mono::default(), Vec::new());
        for i in 0..6 {
            let node = NodeId::new(&format!("eve-{i}")).unwrap();
            assert_eq!(cool_downs.ends(now, (here(), &node)), None);
            cool_downs.start(now, (here(), &node));
            cool_downs.start_origin(now, here());
            let next = NodeId::new("next").unwrap();
            let ends = cool_downs.ends(now, (here(), &next)).unwrap();
            lengths.push(ends.since(now).as_secs());
            assert_eq!(cool_downs.ends(now, (there, &next)), None);
            now = ends;
        }
        assert_eq!(lengths, [2, 4, 8, 16, 32, 40]);
    }
}
