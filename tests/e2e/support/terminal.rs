//! A command on a terminal of its own, and what it shows there.

use super::eventually;
use rustix::process::{kill_process, Pid, Signal};
use rustix::pty::{grantpt, openpt, ptsname, unlockpt, OpenptFlags};
use rustix::termios::{tcsetwinsize, Winsize};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

pub(crate) struct Terminal {
    child: Child,
    keyboard: File,
    shown: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Terminal {
    /// Runs a command on a terminal with so many columns.
    pub(crate) fn run(mut command: Command, columns: u16) -> Self {
        let main = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&main).unwrap();
        unlockpt(&main).unwrap();
        let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&main, size).unwrap();
        let name = ptsname(&main, Vec::new()).unwrap();
        let name = std::ffi::OsStr::from_bytes(name.as_bytes());
        let end = OpenOptions::new().read(true).write(true).open(name).unwrap();
        command.env("TERM", "xterm").stdin(end.try_clone().unwrap());
        command.stdout(end.try_clone().unwrap()).stderr(end);
        let child = command.spawn().unwrap();
        // It keeps the other end open until it is dropped.
        drop(command);
        let main = File::from(main);
        let keyboard = main.try_clone().unwrap();
        let shown = Arc::new(Mutex::new(Vec::new()));
        let screen = shown.clone();
        let reader = std::thread::spawn(move || {
            let (mut main, mut chunk) = (main, [0; 4096]);
            // The end of a terminal that nobody holds any more is an error.
            while let Ok(bytes @ 1..) = main.read(&mut chunk) {
                screen.lock().unwrap().extend_from_slice(&chunk[..bytes]);
            }
        });
        Self { child, keyboard, shown, reader: Some(reader) }
    }

    /// As if somebody typed it.
    pub(crate) fn type_text(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).unwrap();
    }

    /// Everything shown so far.
    pub(crate) fn shown(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap()).into_owned()
    }

    /// Waits until this was shown so often.
    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str, times: usize) {
        eventually(&format!("{text:?} is shown"), || {
            (self.shown().matches(text).count() >= times).then_some(())
        });
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Everything shown, and the exit code, once the command has ended.
    #[track_caller]
    pub(crate) fn finish(mut self) -> (String, Option<i32>) {
        let status = eventually("the command ends", || self.child.try_wait().unwrap());
        let reader = self.reader.take().unwrap();
        eventually("the terminal is read", || reader.is_finished().then_some(()));
        (self.shown(), status.code())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
