//! Where the bridge listens.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The value of `bridge.bind`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Bind {
    /// Only this machine: 127.0.0.1. The default, because it is the safe one.
    #[default]
    Loopback,
    /// Every address of this machine.
    Lan,
    /// The tailnet address; refuses to start without one.
    Tailnet,
    /// The tailnet address if there is one, else every address.
    Auto,
    /// One address of this machine, and 127.0.0.1 beside it.
    Address(IpAddr),
}

impl Bind {
    /// The words that can be written instead of an address.
    pub const WORDS: &'static [&'static str] = &["loopback", "lan", "tailnet", "auto"];
}

impl FromStr for Bind {
    type Err = ParseBindError;

    fn from_str(text: &str) -> Result<Self, ParseBindError> {
        match text {
            "loopback" => Ok(Self::Loopback),
            "lan" => Ok(Self::Lan),
            "tailnet" => Ok(Self::Tailnet),
            "auto" => Ok(Self::Auto),
            _ => text.parse().map(Self::Address).map_err(|_| ParseBindError),
        }
    }
}

/// The text is neither one of [`Bind::WORDS`] nor an IP address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be loopback, lan, tailnet, auto or an IP address")]
pub struct ParseBindError;

impl fmt::Display for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loopback => f.write_str("loopback"),
            Self::Lan => f.write_str("lan"),
            Self::Tailnet => f.write_str("tailnet"),
            Self::Auto => f.write_str("auto"),
            Self::Address(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_reads_back_as_it_was_written() {
        for text in ["loopback", "lan", "tailnet", "auto", "192.168.1.5", "::", "fd7a:115c::1"] {
            assert_eq!(text.parse::<Bind>().unwrap().to_string(), text);
        }
        assert!(Bind::WORDS.iter().all(|word| word.parse::<Bind>().is_ok()));
    }

    #[test]
    fn names_ports_and_the_old_custom_are_not_addresses() {
        for text in ["", "custom", "LAN", "localhost", "192.168.1.5:18790", "[::1]"] {
            assert_eq!(text.parse::<Bind>(), Err(ParseBindError), "{text}");
        }
    }
}
