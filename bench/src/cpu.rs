//! CPU time and memory of processes, from /proc.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};

/// Ticks a second of /proc's times: Linux shows user space 100 on every
/// architecture (USER_HZ).
const TICKS: f64 = 100.0;

/// User and system CPU seconds of a process and all its threads.
pub fn seconds(pid: u32) -> Result<f64> {
    let path = format!("/proc/{pid}/stat");
    let stat = std::fs::read_to_string(&path).with_context(|| path.clone())?;
    // The name in parentheses may hold spaces; utime and stime are fields 14, 15.
    let (_, rest) = stat.rsplit_once(')').context("no name in stat")?;
    let ticks: Vec<f64> =
        rest.split_whitespace().skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
    anyhow::ensure!(ticks.len() == 2, "{path}: {stat:?}");
    Ok(ticks.iter().sum::<f64>() / TICKS)
}

/// Resident memory of a process, bytes.
pub fn resident_bytes(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let status = std::fs::read_to_string(&path).with_context(|| path.clone())?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().context("VmRSS")?;
    Ok(kilobytes * 1024)
}

/// What the machine did for others in a span of time.
pub struct Machine {
    start: Instant,
    busy: f64,
    cores: f64,
}

impl Machine {
    pub fn watch() -> Result<Machine> {
        let cores = std::thread::available_parallelism().context("cores")?.get() as f64;
        Ok(Machine { start: Instant::now(), busy: busy_seconds()?, cores })
    }

    /// The share (0 to 1) of all CPU time since [`Machine::watch`] that was
    /// taken by anything but processes which used `own` seconds.
    pub fn taken_by_others(&self, own: f64) -> Result<f64> {
        let span = self.start.elapsed().as_secs_f64() * self.cores;
        Ok(((busy_seconds()? - self.busy - own) / span).max(0.0))
    }
}

/// CPU seconds spent on anything by the machine, what its host stole included.
fn busy_seconds() -> Result<f64> {
    let stat = std::fs::read_to_string(Path::new("/proc/stat")).context("/proc/stat")?;
    let line = stat.lines().next().context("/proc/stat is empty")?;
    let ticks: Vec<f64> =
        line.split_whitespace().skip(1).take(8).filter_map(|field| field.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal
    anyhow::ensure!(ticks.len() == 8, "/proc/stat: {line:?}");
    Ok((ticks.iter().sum::<f64>() - ticks[3] - ticks[4]) / TICKS)
}
