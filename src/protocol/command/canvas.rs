//! What a node shows: web pages and interfaces described in A2UI.

use super::media::Media;
use serde_json::{Number, Value};

/// Where the window is, on a Mac.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Placement {
    /// Its left edge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x: Option<Number>,
    /// Its lower edge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub y: Option<Number>,
    /// Its width.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<Number>,
    /// Its height.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<Number>,
}

super::calls! {
    /// Shows the canvas.
    CanvasPresent {} optional {
        /// A page; absent means the built-in one.
        url: String,
        /// For Macs.
        placement: Placement,
    } -> ();
    /// Hides the canvas; phones do nothing.
    CanvasHide {} optional {} -> ();
    /// Shows another page.
    CanvasNavigate {
        /// The page; empty or `/` means the built-in one.
        url: String,
    } optional {} -> ();
    /// Runs JavaScript in the page.
    CanvasEval {
        /// The program.
        java_script: String,
    } optional {} -> Evaluated;
    /// Takes a picture of the page.
    CanvasSnapshot {
        /// `png` or `jpeg`.
        format: String,
    } optional {
        /// In pixels.
        max_width: Number,
        /// Of the JPEG, from 0 to 1.
        quality: Number,
    } -> Media;
    /// Sends messages to the A2UI renderer.
    CanvasA2uiPushJsonl {
        /// One message on each line.
        jsonl: String,
    } optional {} -> Rendered;
    /// Removes what the A2UI renderer shows.
    CanvasA2uiReset {} optional {} -> Rendered;
}

super::results! {
    /// What a program returned.
    Evaluated {
        /// A string from the apps of today.
        result: Value,
    }
    /// What the A2UI renderer says.
    Rendered {
        /// False if it could not show the messages.
        ok: bool,
        /// Why not.
        error: Value,
    }
}
