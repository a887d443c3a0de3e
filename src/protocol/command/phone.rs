//! What a device knows and does as a phone: its location, text messages.

use crate::protocol::records::records;

super::calls! {
    /// Asks where the device is.
    LocationGet -> Location {
        timeout_ms?: u64,
        /// How old a known position may be, in milliseconds.
        max_age_ms?: u64,
        /// `coarse`, `balanced` or `precise`.
        desired_accuracy?: String,
    }
    /// Sends a text message; Android only.
    SmsSend -> SmsSent {
        /// The telephone number.
        to: String,
        message: String,
    }
}

records! {
    #[derive(Default)]
    #[serde(default)]
    Location {
        /// Degrees north.
        lat?: f64,
        /// Degrees east.
        lon?: f64,
        /// The radius around it, in metres.
        accuracy_meters?: f64,
        /// Metres above the sea.
        altitude_meters?: f64,
        /// Metres per second.
        speed_mps?: f64,
        /// Degrees from north.
        heading_deg?: f64,
        /// When it was there, as ISO 8601.
        timestamp?: String,
        /// Whether the owner allows the exact position.
        is_precise?: bool,
        /// `gps`, `network` and so on, on Android.
        source?: String,
    }
    /// A text message was handed to the phone's network, or not.
    #[derive(Default)]
    #[serde(default)]
    SmsSent {
        /// False if not.
        ok?: bool,
        to?: String,
    }
}
