//! How the nodes divide what there is only so much of: memory, disk, sessions, connections.

use crate::protocol::NodeId;
use std::collections::BTreeMap;

/// Something limited, and how much of it each node has.
///
/// A node may have a quarter of what the others leave. So one node alone never takes it all, and
/// however many there are, something is left for one more.
#[derive(Debug)]
pub(crate) struct Shares {
    limit: u64,
    used: u64,
    by_node: BTreeMap<NodeId, u64>,
}

/// How much a node may have of something limited, of which so much is used, some of it by the node.
pub(crate) fn of_one(limit: u64, used: u64, own: u64) -> u64 {
    limit.saturating_sub(used.saturating_sub(own)) / 4
}

/// Which one gives way to a new one: the oldest of whoever has the most. Each comes with who has it,
/// and since when.
pub(crate) fn giving_way<K, W: Ord, T: Ord>(all: impl IntoIterator<Item = (K, W, T)>) -> Option<K> {
    let mut by_owner = BTreeMap::<W, Vec<(T, K)>>::new();
    for (key, owner, since) in all {
        by_owner.entry(owner).or_default().push((since, key));
    }
    let most = by_owner.into_values().max_by_key(Vec::len)?;
    most.into_iter().min_by(|(one, _), (other, _)| one.cmp(other)).map(|(_, key)| key)
}

impl Shares {
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit, used: 0, by_node: BTreeMap::new() }
    }

    /// Whether a node may have so much more. Nobody (`None`) stands for an operator and for what the
    /// program itself does: they may take all that is left.
    pub(crate) fn fits(&self, node: Option<&NodeId>, more: u64) -> bool {
        let Some(node) = node else { return more <= self.limit.saturating_sub(self.used) };
        let own = self.of(node);
        own.saturating_add(more) <= of_one(self.limit, self.used, own)
    }

    pub(crate) fn add(&mut self, node: Option<&NodeId>, more: u64) {
        self.used = self.used.saturating_add(more);
        if let Some(node) = node {
            *self.by_node.entry(node.clone()).or_default() += more;
        }
    }

    pub(crate) fn remove(&mut self, node: Option<&NodeId>, less: u64) {
        self.used = self.used.saturating_sub(less);
        let Some(node) = node else { return };
        let own = self.of(node).saturating_sub(less);
        if own == 0 {
            self.by_node.remove(node);
        } else {
            self.by_node.insert(node.clone(), own);
        }
    }

    /// The limit, and how much was found to be taken. If it is less than was known, somebody has made
    /// room, and the nodes begin anew.
    pub(crate) fn recounted(&mut self, limit: u64, used: u64) {
        if used < self.used {
            self.by_node.clear();
        }
        (self.limit, self.used) = (limit, used);
    }

    /// How much a node has.
    pub(crate) fn of(&self, node: &NodeId) -> u64 {
        self.by_node.get(node).copied().unwrap_or_default()
    }

    /// How much is taken in all.
    pub(crate) fn used(&self) -> u64 {
        self.used
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_others_took_something_is_left_for_one_more() {
        let mut shares = Shares::new(1 << 20);
        for number in 0..20 {
            let node = NodeId::new(&format!("n{number}")).unwrap();
            let begun = shares.used();
            while shares.fits(Some(&node), 1024) {
                shares.add(Some(&node), 1024);
            }
            assert!(shares.of(&node) <= (shares.limit - begun) / 4);
            assert!(shares.of(&node) > 0, "{number}");
        }
        assert!(shares.used() < shares.limit);
        assert!(shares.fits(None, shares.limit - shares.used()), "an operator takes the rest");
        assert!(!shares.fits(None, shares.limit - shares.used() + 1));
    }

    #[test]
    fn the_oldest_of_whoever_has_the_most_gives_way() {
        let all = [("a", "x", 3), ("b", "y", 1), ("c", "x", 2), ("d", "z", 0)];
        assert_eq!(giving_way(all), Some("c"));
        assert_eq!(giving_way([("a", "x", 1); 0]), None);
    }

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let (mut shares, node) = (Shares::new(400), NodeId::new("n").unwrap());
        shares.add(Some(&node), 100);
        assert!(!shares.fits(Some(&node), 1));
        shares.remove(Some(&node), 100);
        assert!(shares.fits(Some(&node), 100) && shares.by_node.is_empty());
        shares.remove(None, 1);
        assert_eq!(shares.used(), 0);
    }
}
