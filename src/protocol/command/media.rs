//! Pictures and recordings: cameras and the screen.

use super::lenient;
use crate::protocol::records::records;
use serde_json::{Map, Number, Value};

super::calls! {
    /// Lists the cameras; not on Android.
    CameraList -> Cameras {}
    /// Takes a picture.
    CameraSnap -> Media {
        /// `jpg`.
        format: String,
        /// `front` or `back`.
        facing?: String,
        device_id?: String,
        /// In pixels.
        max_width?: Number,
        /// From 0 to 1.
        quality?: Number,
        /// How long to wait before, in milliseconds.
        delay_ms?: Number,
    }
    /// Records a clip with a camera.
    CameraClip -> Media {
        /// `mp4`.
        format: String,
        /// `front` or `back`.
        facing: String,
        duration_ms: u64,
        include_audio: bool,
        device_id?: String,
    }
    /// Records the screen.
    ScreenRecord -> Media {
        /// `mp4`.
        format: String,
        duration_ms: u64,
        include_audio: bool,
        /// Which screen; phones have only 0.
        screen_index?: Number,
        fps?: Number,
    }
}

records! {
    #[derive(Default)]
    Cameras {
        #[serde(default, deserialize_with = "lenient::list")]
        devices: Vec<Camera>,
    }
    #[derive(Default)]
    #[serde(default)]
    Camera {
        /// For `deviceId`.
        id?: String,
        /// For people.
        name?: String,
        /// `front`, `back` or `unspecified`.
        position?: String,
        /// The operating system's word for its kind.
        device_type?: String,
    }
    /// A picture or recording. What nodes add depends on the command: `width` and `height`, or
    /// `durationMs`, `fps`, `screenIndex` and `hasAudio`.
    #[derive(Default)]
    #[serde(default)]
    Media {
        /// `jpg`, `jpeg`, `png` or `mp4`; null if the node left it out.
        format: Value,
        /// The content; empty where it was taken out while it arrived.
        #[serde(skip_serializing)]
        base64: Value,
        /// Everything else.
        #[serde(flatten)]
        about: Map<String, Value>,
    }
}
