//! The canvas host: serves the pages that nodes show on their canvas, over HTTP/1.1 and in plain
//! text, as the apps expect them: the owner's folder and the renderer of A2UI. One thread for each
//! connection, `canvas-N`. Floor 2. It only reads, and knows neither nodes nor tokens: whoever
//! reaches the port gets what is there. Tests: `tests/e2e/ch24_canvas.rs`.

mod connection;
mod files;
#[cfg(fuzzing)]
mod fuzz;
mod host;
mod live;
mod names;
mod pages;
mod path;
mod range;
mod request;
mod response;
mod site;
mod types;

#[cfg(fuzzing)]
pub use fuzz::canvas as fuzz_canvas;
pub(crate) use host::CanvasHost;
#[cfg(feature = "cli")]
pub(crate) use pages::CANVAS;
pub(crate) use site::Site;
