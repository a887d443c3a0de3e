//! Names and secrets for the router.

use crate::protocol::Token;
use crate::random;
use crate::router::Ids;

/// How many names are asked for at once.
const NAMES: usize = 32;

#[derive(Default)]
pub(super) struct Random {
    /// For names: asking for each would cost as much as the rest of it.
    spare: Vec<[u8; 16]>,
}

impl Ids for Random {
    /// A UUID, version 4.
    fn unique(&mut self) -> String {
        if self.spare.is_empty() {
            self.spare = random::bytes::<{ 16 * NAMES }>().as_chunks().0.to_vec();
        }
        random::uuid(u128::from_be_bytes(self.spare.pop().unwrap_or_else(random::bytes)))
    }

    fn token(&mut self) -> Token {
        Token::from_bits(random::bits())
    }
}
