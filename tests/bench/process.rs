//! What the system says about a process and the machine.

use std::fs;
use std::time::{Duration, Instant};

/// The number after `name` in a file of `name: number` lines.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    line[name.len()..].trim_start_matches(':').split_whitespace().next()?.parse().ok()
}

/// Memory of a process from `/proc/PID/status`, in KiB: `VmRSS` now, `VmHWM` at most.
pub(crate) fn memory_kib(pid: u32, what: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a running process");
    field(&status, what).expect("its memory")
}

/// Nanoseconds of processor time that the live threads of a process have used.
pub(crate) fn cpu_ns(pid: u32) -> u64 {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let used = threads.filter_map(|thread| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    used.sum()
}

/// Nanoseconds of processor time of a process, threads that have ended included; to a hundredth of a
/// second.
pub(crate) fn cpu_ns_in_all(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("a running process");
    let after = stat.rsplit(')').next().unwrap_or_default();
    // User and system time are the 14th and 15th field, the name in brackets being the 2nd.
    let ticks = after.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok());
    ticks.sum::<u64>() * 10_000_000
}

/// How often the threads of a process have gone to sleep so far.
pub(crate) fn sleeps(pid: u32) -> u64 {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let counts = threads.filter_map(|thread| {
        let text = fs::read_to_string(thread.path().join("status")).ok()?;
        field(&text, "voluntary_ctxt_switches")
    });
    counts.sum()
}

/// How much of the machine others use meanwhile.
pub(crate) struct Noise {
    busy: u64,
    ours: u64,
    began: Instant,
    pids: Vec<u32>,
}

impl Noise {
    /// Begins to look; these processes and this one do not count.
    pub(crate) fn watch(pids: &[u32]) -> Self {
        let pids: Vec<u32> = pids.iter().copied().chain([std::process::id()]).collect();
        let ours = pids.iter().map(|pid| cpu_ns_in_all(*pid)).sum();
        Self { busy: busy_ns(), ours, began: Instant::now(), pids }
    }

    /// The share of the machine that others have used since, from 0 to 1.
    pub(crate) fn share(&self) -> f64 {
        let ours: u64 = self.pids.iter().map(|pid| cpu_ns_in_all(*pid)).sum();
        let others = (busy_ns() - self.busy).saturating_sub(ours.saturating_sub(self.ours));
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        others as f64
            / (self.began.elapsed().max(Duration::from_millis(1)).as_nanos() as f64 * cores as f64)
    }
}

/// Nanoseconds that all processors have been busy, to a hundredth of a second.
fn busy_ns() -> u64 {
    let stat = fs::read_to_string("/proc/stat").expect("/proc/stat");
    let fields: Vec<u64> = stat
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .filter_map(|n| n.parse().ok())
        .collect();
    // user, nice, system, idle, iowait, irq, softirq, steal: interrupts are our own packets.
    let busy = [0, 1, 2, 7].iter().filter_map(|at| fields.get(*at)).sum::<u64>();
    busy * 10_000_000
}

/// The monotonic clock, which processes share, in nanoseconds.
pub(crate) fn monotonic_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}
