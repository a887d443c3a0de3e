//! What signals do to the commands that run until they are interrupted.

use crossbeam_channel::{bounded, Receiver};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;
use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::Arc;
use std::thread::Builder;

/// The second SIGINT or SIGTERM ends the process at once.
pub(super) fn end_at_second() -> io::Result<()> {
    let asked = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order, so that the first signal finds the flag down.
        flag::register_conditional_default(signal, asked.clone())?;
        flag::register(signal, asked.clone())?;
    }
    Ok(())
}

/// Calls `act` on a thread of its own whenever one of these signals comes.
pub(super) fn on_each(signals: &[i32], act: impl FnMut(i32) + Send + 'static) -> io::Result<()> {
    let mut signals = Signals::new(signals)?;
    let listen = move || signals.forever().for_each(act);
    Builder::new().name("signals".into()).spawn(listen).map(drop)
}

/// Receives something when the command is to end.
pub(super) fn stopped() -> io::Result<Receiver<()>> {
    let (sender, stopped) = bounded(1);
    let stop = move |_| {
        // Fails only if the program is ending anyway.
        let _ = sender.try_send(());
    };
    on_each(&[SIGINT, SIGTERM], stop)?;
    Ok(stopped)
}
