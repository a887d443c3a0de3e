//! What `tests/fuzz` calls.

use super::path::place;
use super::range::{part, Part};
use super::request::parse;
use std::os::unix::ffi::OsStrExt;

/// A request names nothing outside of the folder, and no part that its file does not have.
///
/// # Panics
/// If it does.
pub fn canvas(bytes: &[u8], file: u64) {
    let Ok(Some((request, length))) = parse(bytes) else { return };
    assert!(length <= bytes.len() && request.path.starts_with('/'));
    for name in place(&request.path[1..]).iter().flat_map(|place| &place.names) {
        let odd = |byte: &u8| matches!(byte, b'/' | b'\\' | 0);
        assert!(!name.is_empty() && !name.as_bytes().starts_with(b"."), "{name:?}");
        assert!(!name.as_bytes().iter().any(odd), "{name:?}");
    }
    if let Some(Part::Some(from, count)) = request.range.map(|range| part(&range, file)) {
        assert!(count > 0 && from.checked_add(count).is_some_and(|end| end <= file));
    }
}
