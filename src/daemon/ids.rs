//! Names and secrets for the router.

use crate::protocol::Token;
use crate::random;
use crate::router::Ids;

#[derive(Debug, Default)]
pub(super) struct Random;

impl Random {
    fn bits() -> u128 {
        // Linux has answered `getrandom` ever since it booted far enough to run a program; a
        // token that is not random would be worse than no bridge.
        random::bits().expect("the kernel's random source answers")
    }
}

impl Ids for Random {
    /// A UUID, version 4.
    fn unique(&mut self) -> String {
        random::uuid(Self::bits())
    }

    fn token(&mut self) -> Token {
        Token::from_bits(Self::bits())
    }
}
