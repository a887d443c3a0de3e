//! The A2UI page in a real browser, a headless Chromium: the real program serves it, and the tests
//! play the app around it. Where there is no Chromium, the tests skip themselves and say so.
//!
//! `make screenshots` has `look` write pictures of all components to `target/screenshots`.

// In tests, a wrong assumption shall end the test, and a failed one tells what it knows.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

#[path = "../e2e/support/mod.rs"]
#[allow(dead_code, unused_imports)]
mod support;

mod actions;
mod binding;
mod chromium;
mod components;
mod inputs;
mod look;
mod owner;
mod push;
mod robust;
mod stage;
mod typing;
