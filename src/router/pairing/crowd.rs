//! Who gives way when all places are taken. A flood must not keep anybody out who comes alone, and
//! nobody who waits is to be displaced by it.

use crate::origin::Origin;
use crate::protocol::{NodeId, WireError};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// A place that is taken.
pub(super) struct Place<K, T> {
    pub(super) key: K,
    pub(super) origin: Origin,
    pub(super) since: T,
    /// Nobody waits there any more.
    pub(super) is_abandoned: bool,
}

/// The place for a newcomer: the oldest abandoned one of the most crowded origin, so that nobody
/// who waits loses anything. If all are waited for, the oldest of the most crowded origin, but
/// only if that origin keeps more than the newcomer's would then have: otherwise two crowds could
/// displace each other for ever, and a crowd of addresses everybody who came alone.
pub(super) fn giving_way<K, T: Copy + Ord>(
    places: impl IntoIterator<Item = Place<K, T>>,
    newcomer: Origin,
) -> Option<K> {
    let places: Vec<Place<K, T>> = places.into_iter().collect();
    let mut crowds: BTreeMap<Origin, usize> = BTreeMap::new();
    for place in &places {
        *crowds.entry(place.origin).or_default() += 1;
    }
    let own = crowds.get(&newcomer).copied().unwrap_or_default();
    let may_go = |place: &Place<K, T>| place.is_abandoned || crowds[&place.origin] > own + 1;
    places
        .into_iter()
        .rev()
        .filter(may_go)
        .max_by_key(|place| (place.is_abandoned, crowds[&place.origin], Reverse(place.since)))
        .map(|place| place.key)
}

/// Whether the limit for one address counts the two together. Loopback carries everybody's SSH
/// tunnels, so there each node id is counted for itself.
pub(super) fn are_counted_together(one: (Origin, &NodeId), other: (Origin, &NodeId)) -> bool {
    one.0 == other.0 && (!one.0.is_loopback() || one.1 == other.1)
}

/// The answer to whoever gives way, or is not let in.
pub(super) fn too_many() -> WireError {
    WireError::unavailable("too many pairing requests are waiting; try later")
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAITED_FOR: bool = false;
    const ABANDONED: bool = true;

    fn origin(last: u8) -> Origin {
        Origin::of([192, 168, 1, last].into())
    }

    /// Places in the order in which they were taken, and who gives way to somebody from `newcomer`.
    fn for_one_from(newcomer: u8, places: &[(u8, bool)]) -> Option<usize> {
        let place = |(at, &(from, is_abandoned))| Place {
            key: at,
            origin: origin(from),
            since: at,
            is_abandoned,
        };
        giving_way(places.iter().enumerate().map(place), origin(newcomer))
    }

    #[test]
    fn the_oldest_abandoned_place_of_the_most_crowded_origin_goes_first() {
        let places =
            [(1, WAITED_FOR), (2, ABANDONED), (3, WAITED_FOR), (3, ABANDONED), (3, ABANDONED)];
        assert_eq!(for_one_from(9, &places), Some(3));
        assert_eq!(for_one_from(3, &places), Some(3));
        assert_eq!(for_one_from(9, &[(1, ABANDONED), (2, WAITED_FOR), (2, WAITED_FOR)]), Some(0));
    }

    #[test]
    fn whoever_waits_gives_way_only_to_somebody_from_a_less_crowded_origin() {
        let places = [(1, WAITED_FOR), (2, WAITED_FOR), (2, WAITED_FOR)];
        assert_eq!(for_one_from(9, &places), Some(1));
        assert_eq!(for_one_from(1, &places), None);
        assert_eq!(for_one_from(2, &places), None);
        assert_eq!(for_one_from(9, &[(1, WAITED_FOR), (2, WAITED_FOR)]), None);
        assert_eq!(for_one_from(9, &[]), None);
    }
}
