//! What a node shows: web pages and interfaces described in A2UI.

use super::media::Media;
use crate::protocol::records::records;
use serde_json::{Number, Value};

records! {
    /// Where the window is, on a Mac.
    #[derive(Default)]
    Placement {
        /// Its left edge.
        x?: Number,
        /// Its lower edge.
        y?: Number,
        width?: Number,
        height?: Number,
    }
}

super::calls! {
    /// Shows the canvas.
    CanvasPresent -> () {
        /// A page; absent means the built-in one.
        url?: String,
        /// For Macs.
        placement?: Placement,
    }
    /// Hides the canvas; phones do nothing.
    CanvasHide -> () {}
    /// Shows another page.
    CanvasNavigate -> () {
        /// The page; empty or `/` means the built-in one.
        url: String,
    }
    /// Runs JavaScript in the page.
    CanvasEval -> Evaluated {
        java_script: String,
    }
    /// Takes a picture of the page.
    CanvasSnapshot -> Media {
        /// `png` or `jpeg`.
        format: String,
        /// In pixels.
        max_width?: Number,
        /// Of the JPEG, from 0 to 1.
        quality?: Number,
    }
    /// Sends messages to the A2UI renderer.
    CanvasA2uiPushJsonl -> Rendered {
        /// One message on each line.
        jsonl: String,
    }
    /// Removes what the A2UI renderer shows.
    CanvasA2uiReset -> Rendered {}
}

records! {
    /// What a program returned.
    #[derive(Default)]
    #[serde(default)]
    Evaluated {
        /// A string from the apps of today.
        result?: Value,
    }
    /// What the A2UI renderer says.
    #[derive(Default)]
    #[serde(default)]
    Rendered {
        /// False if it could not show the messages.
        ok?: bool,
        /// Why not.
        error?: Value,
        /// What it shows otherwise than the messages say, or not at all.
        warnings?: Value,
    }
}
