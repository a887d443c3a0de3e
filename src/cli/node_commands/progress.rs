//! Waiting for a node where a person watches: a line on standard error that turns, with the time
//! that has passed and what has arrived. Nothing of it where standard error is no terminal.

use crate::cli::columns::{clip, width};
use crate::cli::node_commands::output_file;
use crate::cli::render::span;
use crate::cli::text::safe;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Once, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// What is over sooner needs no line.
const UNNOTICED: Duration = Duration::from_millis(300);

/// Between two pictures.
const TURN: Duration = Duration::from_millis(100);

const PICTURES: [char; 4] = ['|', '/', '-', '\\'];

/// Columns if the terminal does not say.
const USUAL_WIDTH: usize = 80;

/// Back to the start of the line, and nothing in it.
const CLEARED: &str = "\r\u{1b}[K";

/// Whether there is a line on the screen. Whoever draws holds it.
static IS_DRAWN: Mutex<bool> = Mutex::new(false);

/// The line, from its start to its drop.
#[derive(Debug)]
pub(super) struct Progress {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    received: AtomicU64,
    is_over: Mutex<bool>,
    end: Condvar,
}

impl Progress {
    pub(super) fn start(title: String) -> Self {
        let shared = Arc::new(Shared::default());
        let draws =
            io::stderr().is_terminal() && std::env::var_os("TERM").is_some_and(|t| t != "dumb");
        if !draws {
            return Self { shared, thread: None };
        }
        clean_up_when_interrupted();
        let title = safe(&title);
        let its = shared.clone();
        // Without a thread there is just no line.
        let thread = Builder::new().name("spinner".into()).spawn(move || its.turn(&title)).ok();
        Self { shared, thread }
    }

    /// So many bytes have arrived.
    pub(super) fn received(&self, bytes: usize) {
        self.shared.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        *lock(&self.shared.is_over) = true;
        self.shared.end.notify_all();
        if let Some(thread) = self.thread.take() {
            // A line that could not be drawn is no loss.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn turn(&self, title: &str) {
        let began = Instant::now();
        let mut pause = UNNOTICED;
        for picture in PICTURES.iter().cycle() {
            let is_over = lock(&self.is_over);
            let waited = self.end.wait_timeout_while(is_over, pause, |is_over| !*is_over);
            if waited.is_ok_and(|(is_over, _)| *is_over) {
                break;
            }
            pause = TURN;
            let line =
                line(*picture, title, began.elapsed(), self.received.load(Ordering::Relaxed));
            let width = width(io::stderr()).unwrap_or(USUAL_WIDTH);
            let mut is_drawn = lock(&IS_DRAWN);
            *is_drawn = true;
            draw(&format!("{CLEARED}{}", clip(&line, width.saturating_sub(1))));
        }
        take_away(&mut lock(&IS_DRAWN));
    }
}

fn line(picture: char, title: &str, elapsed: Duration, received: u64) -> String {
    let time = span(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX));
    let megabytes = match received {
        0 => String::new(),
        bytes => format!(" · {}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10),
    };
    format!("{picture} {title} · {time}{megabytes}")
}

/// What these locks hold is right even if somebody panicked with one.
fn lock(mutex: &Mutex<bool>) -> MutexGuard<'_, bool> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn draw(text: &str) {
    let mut err = io::stderr().lock();
    // Who cannot see it does not miss it.
    let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
}

fn take_away(is_drawn: &mut bool) {
    if std::mem::replace(is_drawn, false) {
        draw(CLEARED);
    }
}

/// From now on, SIGINT and SIGTERM take away the line and the unfinished file; then they do what
/// they always do, so that a shell sees the program end by the signal (130 for Ctrl-C).
pub(super) fn clean_up_when_interrupted() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let Ok(mut signals) = Signals::new([SIGINT, SIGTERM]) else { return };
        let watch = move || {
            if let Some(signal) = signals.forever().next() {
                output_file::remove_unfinished();
                // Held to the end, so that the line does not come back.
                let mut is_drawn = lock(&IS_DRAWN);
                take_away(&mut is_drawn);
                if emulate_default_handler(signal).is_err() {
                    std::process::exit(128 + signal);
                }
            }
        };
        // Without the thread the signals would be ignored; the program ends by itself in time.
        let _ = Builder::new().name("signals".into()).spawn(watch);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_tells_the_time_and_what_has_arrived() {
        let second = Duration::from_secs(1);
        assert_eq!(
            line('|', "camera.clip on ada", 75 * second, 0),
            "| camera.clip on ada · 1m 15s"
        );
        assert_eq!(line('-', "x on y", second, 34_567_890), "- x on y · 1s · 34.5 MB");
    }
}
