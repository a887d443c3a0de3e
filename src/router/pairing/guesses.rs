//! Wrong tokens, counted where they come from. A token cannot be guessed, and this bounds what
//! trying costs the others: some at once, and then a few in a second.
//!
//! Each origin has a budget for each paired node and one for all that are not paired. So whoever
//! guesses keeps out nobody but the node whose id they use, at their own address, and no node that
//! is connected already.

use crate::origin::Origin;
use crate::protocol::{limits, NodeId};
use crate::router::Mono;
use std::collections::BTreeMap;

/// Who is guessed, and from where. `None` is all nodes that are not paired.
pub(super) type Guess = (Origin, Option<NodeId>);

/// When each budget is full again.
#[derive(Debug, Default)]
pub(super) struct Guesses {
    full_at: BTreeMap<Guess, Mono>,
}

impl Guesses {
    /// Whether a token may be looked at.
    pub(super) fn permits(&self, now: Mono, guess: &Guess) -> bool {
        let used = self.full_at.get(guess).map(|full_at| full_at.since(now)).unwrap_or_default();
        used < limits::WRONG_TOKEN_EVERY * limits::WRONG_TOKENS
    }

    /// The token was wrong.
    pub(super) fn note(&mut self, now: Mono, guess: Guess) {
        if !self.full_at.contains_key(&guess) && self.full_at.len() >= limits::GUESSERS {
            self.forget_some(now);
        }
        let full_at = self.full_at.entry(guess).or_default();
        *full_at = (*full_at).max(now) + limits::WRONG_TOKEN_EVERY;
    }

    /// Forgets what has no effect any more, or else the one whose budget is full first.
    fn forget_some(&mut self, now: Mono) {
        self.full_at.retain(|_, full_at| *full_at > now);
        if self.full_at.len() >= limits::GUESSERS {
            let first = self.full_at.iter().min_by_key(|(_, full_at)| **full_at);
            if let Some(guess) = first.map(|(guess, _)| guess.clone()) {
                self.full_at.remove(&guess);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn from(last: u8, node: Option<&str>) -> Guess {
        (Origin::of([192, 168, 1, last].into()), node.map(|node| NodeId::new(node).unwrap()))
    }

    #[test]
    fn a_guesser_is_slowed_down_and_keeps_out_nobody_else() {
        let (mut guesses, mut now) = (Guesses::default(), Mono::default());
        let eve = from(66, Some("phone"));
        let mut tried = 0;
        for _ in 0..10_000 {
            if guesses.permits(now, &eve) {
                tried += 1;
                guesses.note(now, eve.clone());
            }
            now = now + Duration::from_millis(1);
        }
        assert_eq!(tried, limits::WRONG_TOKENS + 20);
        assert!(!guesses.permits(now, &eve));
        for other in [from(66, Some("tablet")), from(66, None), from(20, Some("phone"))] {
            assert!(guesses.permits(now, &other), "{other:?}");
        }
        now = now + limits::WRONG_TOKEN_EVERY;
        assert!(guesses.permits(now, &eve));
    }

    #[test]
    fn the_table_of_guessers_does_not_grow_without_end() {
        let mut guesses = Guesses::default();
        for i in 0..2 * limits::GUESSERS as u64 {
            let node = NodeId::new(&format!("node-{i}")).unwrap();
            guesses.note(Mono(Duration::from_micros(i)), (from(1, None).0, Some(node)));
            assert!(guesses.full_at.len() <= limits::GUESSERS);
        }
    }
}
