//! Serde adapters for values that are written as text.

use serde::de::{Deserialize, Deserializer, Error};
use serde::Serializer;
use std::fmt::Display;
use std::str::FromStr;

pub(super) fn serialize<T: Display, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

pub(super) fn deserialize<'de, T, D>(from: D) -> Result<T, D::Error>
where
    T: FromStr,
    T::Err: Display,
    D: Deserializer<'de>,
{
    String::deserialize(from)?.parse().map_err(D::Error::custom)
}

/// For a log level, which is written in lowercase.
pub(super) mod level {
    pub(in super::super) use super::deserialize;
    use log::LevelFilter;
    use serde::Serializer;

    pub(in super::super) fn serialize<S: Serializer>(
        level: &LevelFilter,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_str(&level.as_str().to_ascii_lowercase())
    }
}

/// For a duration such as `90s`.
pub(super) mod duration {
    use crate::duration;
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::Serializer;
    use std::time::Duration;

    pub(in super::super) fn serialize<S: Serializer>(
        value: &Duration,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_str(&duration::show(*value))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Duration, D::Error> {
        let text = String::deserialize(from)?;
        duration::parse(&text).ok_or_else(|| D::Error::custom("not a duration"))
    }
}
