//! Pictures and recordings: cameras and the screen.

use super::lenient;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

super::calls! {
    /// Lists the cameras; not on Android.
    CameraList {} optional {} -> Cameras;
    /// Takes a picture.
    CameraSnap {
        /// `jpg`.
        format: String,
    } optional {
        /// `front` or `back`.
        facing: String,
        /// A camera of [`CameraList`].
        device_id: String,
        /// In pixels.
        max_width: Number,
        /// From 0 to 1.
        quality: Number,
        /// How long to wait before, in milliseconds.
        delay_ms: Number,
    } -> Media;
    /// Records a clip with a camera.
    CameraClip {
        /// `mp4`.
        format: String,
        /// `front` or `back`.
        facing: String,
        /// How long, in milliseconds.
        duration_ms: u64,
        /// Whether with sound.
        include_audio: bool,
    } optional {
        /// A camera of [`CameraList`].
        device_id: String,
    } -> Media;
    /// Records the screen.
    ScreenRecord {
        /// `mp4`.
        format: String,
        /// How long, in milliseconds.
        duration_ms: u64,
        /// Whether with sound.
        include_audio: bool,
    } optional {
        /// Which screen; phones have only 0.
        screen_index: Number,
        /// Frames per second.
        fps: Number,
    } -> Media;
}

/// The cameras of a node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cameras {
    /// All of them.
    #[serde(default, deserialize_with = "lenient::list")]
    pub devices: Vec<Camera>,
}

super::results! {
    /// One camera.
    Camera {
        /// For `deviceId`.
        id: String,
        /// For people.
        name: String,
        /// `front`, `back` or `unspecified`.
        position: String,
        /// The operating system's word for its kind.
        device_type: String,
    }
}

/// A picture or recording. What nodes add depends on the command: `width` and `height`, or
/// `durationMs`, `fps`, `screenIndex` and `hasAudio`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Media {
    /// `jpg`, `jpeg`, `png` or `mp4`; null if the node left it out.
    pub format: Value,
    /// The content; empty where it was taken out while it arrived.
    #[serde(skip_serializing)]
    pub base64: Value,
    /// Everything else.
    #[serde(flatten)]
    pub about: Map<String, Value>,
}
