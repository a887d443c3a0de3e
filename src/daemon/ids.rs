//! Names and secrets for the router.

use crate::protocol::Token;
use crate::random;
use crate::router::Ids;

#[derive(Debug, Default)]
pub(super) struct Random;

impl Ids for Random {
    /// A UUID, version 4.
    fn unique(&mut self) -> String {
        random::uuid(random::bits())
    }

    fn token(&mut self) -> Token {
        Token::from_bits(random::bits())
    }
}
