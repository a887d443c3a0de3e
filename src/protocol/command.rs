//! The names of the commands that the apps carry out (protocol section 8.2).
//!
//! An invoke carries any name: a node may have commands of its own.

use crate::protocol::names::names;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_parsed_as_the_command_that_prints_it() {
        assert!(NodeCommand::ALL.iter().all(|c| NodeCommand::parse(c.as_str()) == Some(*c)));
        assert_eq!(NodeCommand::parse("camera.Snap"), None);
    }
}
