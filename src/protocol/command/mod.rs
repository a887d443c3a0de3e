//! The commands that the apps carry out, each with its parameters and its result (protocol
//! section 8.2): the command line encodes parameters and decodes results, a node does the opposite.
//!
//! An invoke carries any name: a node may have commands of its own.
#![allow(missing_docs, reason = "PROTOCOL.md describes the fields; comments add to it")]

pub mod canvas;
mod lenient;
pub mod media;
pub mod phone;
pub mod system;

use crate::protocol::json;
use crate::protocol::names::names;
use serde::de::DeserializeOwned;
use serde::Serialize;

names! {
    /// A command that the gateway can ask a node to run.
    NodeCommand {
        CanvasPresent = "canvas.present",
        CanvasHide = "canvas.hide",
        CanvasNavigate = "canvas.navigate",
        CanvasEval = "canvas.eval",
        CanvasSnapshot = "canvas.snapshot",
        CanvasA2uiPush = "canvas.a2ui.push",
        CanvasA2uiPushJsonl = "canvas.a2ui.pushJSONL",
        CanvasA2uiReset = "canvas.a2ui.reset",
        CameraList = "camera.list",
        CameraSnap = "camera.snap",
        CameraClip = "camera.clip",
        ScreenRecord = "screen.record",
        LocationGet = "location.get",
        SmsSend = "sms.send",
        SystemRun = "system.run",
        SystemWhich = "system.which",
        SystemNotify = "system.notify",
        SystemExecApprovalsGet = "system.execApprovals.get",
        SystemExecApprovalsSet = "system.execApprovals.set",
    }
}

impl NodeCommand {
    /// Whether the answer is a recording, which may be larger than any other line
    /// ([`limits::LINE_RECORDING`](crate::protocol::limits::LINE_RECORDING)).
    pub fn is_recording(self) -> bool {
        matches!(self, Self::CameraClip | Self::ScreenRecord)
    }
}

/// The parameters of one command.
pub trait NodeCall: Serialize {
    /// The command they belong to.
    const COMMAND: NodeCommand;

    /// What the node returns. The platforms leave fields out, or send them with another type; such
    /// a field is absent.
    type Result: DeserializeOwned + Default;

    /// The parameters as JSON text, compact because some nodes only search it (protocol section
    /// 1.1); `None` if there are none.
    fn encode(&self) -> Option<String> {
        Some(json::text(self)).filter(|text| text != "{}")
    }

    /// The result in a node's answer.
    fn decode(answer: &serde_json::Value) -> Self::Result {
        lenient::object(answer).unwrap_or_default()
    }
}

/// Parameters: for each command a struct as `records!` makes it.
macro_rules! calls {
    ($( $(#[$about:meta])* $command:ident -> $result:ty { $($fields:tt)* } )*) => {
        $crate::protocol::records::records! {
            $( $(#[$about])* #[derive(Default)] $command { $($fields)* } )*
        }
        $(
            impl $crate::protocol::command::NodeCall for $command {
                const COMMAND: $crate::protocol::command::NodeCommand =
                    $crate::protocol::command::NodeCommand::$command;
                type Result = $result;
            }
        )*
    };
}

use calls;

#[cfg(test)]
mod tests {
    use super::media::{CameraList, CameraSnap};
    use super::phone::LocationGet;
    use super::system::{RunResult, SystemRun, SystemWhich};
    use super::*;
    use serde_json::json;

    #[test]
    fn every_name_is_parsed_as_the_command_that_prints_it() {
        assert!(NodeCommand::ALL.iter().all(|c| NodeCommand::parse(c.as_str()) == Some(*c)));
        assert_eq!(NodeCommand::parse("camera.Snap"), None);
    }

    #[test]
    fn parameters_are_compact_and_leave_out_what_is_not_asked_for() {
        assert_eq!(CameraList {}.encode(), None);
        let snap = CameraSnap {
            format: "jpg".into(),
            facing: Some("front".into()),
            quality: serde_json::Number::from_f64(0.5),
            ..CameraSnap::default()
        };
        let text = r#"{"format":"jpg","facing":"front","quality":0.5}"#;
        assert_eq!(snap.encode().as_deref(), Some(text));
        assert_eq!(serde_json::from_str::<CameraSnap>(text).unwrap(), snap);
    }

    #[test]
    fn a_result_is_decoded_whatever_a_platform_makes_of_it() {
        let position = LocationGet::decode(&json!({ "lat": 1, "lon": "2", "isPrecise": null }));
        assert_eq!((position.lat, position.lon, position.is_precise), (Some(1.0), None, None));
        assert_eq!(LocationGet::decode(&json!("nowhere")), Default::default());
        let list = json!({ "devices": [{ "id": 5, "name": "Back" }, "x"] });
        let devices = CameraList::decode(&list).devices;
        assert_eq!((devices[0].id.as_deref(), devices.len()), (None, 1));
        assert_eq!(devices[0].name.as_deref(), Some("Back"));
        let ended = RunResult { exit_code: Some(3), stdout: "x".into(), ..RunResult::default() };
        assert_eq!(SystemRun::decode(&serde_json::to_value(&ended).unwrap()), ended);
        assert_eq!(SystemRun::decode(&json!({ "stdout": 5 })), RunResult::default());
    }

    #[test]
    fn a_node_understands_parameters_that_are_nearly_right() {
        let run: SystemRun =
            serde_json::from_str(r#"{"command":["a",1,true],"timeoutMs":1e300,"new":1}"#).unwrap();
        assert_eq!((run.command.join(" ").as_str(), run.timeout_ms), ("a 1 true", Some(u64::MAX)));
        for (text, expected) in [("-5", None), ("null", None), ("0", None), ("1500", Some(1500))] {
            let params = format!(r#"{{"command":[],"timeoutMs":{text}}}"#);
            assert_eq!(serde_json::from_str::<SystemRun>(&params).unwrap().timeout_ms, expected);
        }
        let which: SystemWhich = serde_json::from_str(r#"{"bins":["ls",5,"git"]}"#).unwrap();
        assert_eq!(which.bins, ["ls", "git"]);
    }
}
