//! What the kernel says of this process (`/proc`), under the names Prometheus gives such metrics.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

/// This process at one moment; what the system does not tell is none.
#[derive(Debug, Default)]
pub struct Process {
    /// Processor time in user and system mode, in seconds.
    pub cpu_seconds: Option<f64>,
    /// Resident memory in bytes.
    pub resident_bytes: Option<f64>,
    /// Virtual memory in bytes.
    pub virtual_bytes: Option<f64>,
    /// Threads.
    pub threads: Option<f64>,
    /// When it began, in seconds since 1970.
    pub start_seconds: Option<f64>,
    /// Open file descriptors.
    pub open_fds: Option<f64>,
}

/// The fields of `/proc/self/stat` behind the program's name (proc(5), numbered from 3).
struct Stat<'a>(Vec<&'a str>);

impl Stat<'_> {
    fn field(&self, number: usize) -> Option<f64> {
        self.0.get(number.checked_sub(3)?)?.parse().ok()
    }
}

impl Process {
    /// Asks the kernel.
    pub fn look() -> Process {
        let open_fds = fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count() as f64);
        let Ok(text) = fs::read_to_string("/proc/self/stat") else {
            return Process { open_fds, ..Process::default() };
        };
        // The program's name stands in brackets and may itself hold some.
        let behind = text.rsplit_once(')').map_or("", |(_, behind)| behind);
        let stat = Stat(behind.split_ascii_whitespace().collect());
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        let page = rustix::param::page_size() as f64;
        Process {
            cpu_seconds: stat.field(14).zip(stat.field(15)).map(|(user, own)| (user + own) / ticks),
            resident_bytes: stat.field(24).map(|pages| pages * page),
            virtual_bytes: stat.field(23),
            threads: stat.field(20),
            start_seconds: stat
                .field(22)
                .and_then(|since_boot| boot_seconds().map(|boot| boot + since_boot / ticks)),
            open_fds,
        }
    }
}

fn boot_seconds() -> Option<f64> {
    let uptime: f64 =
        fs::read_to_string("/proc/uptime").ok()?.split_ascii_whitespace().next()?.parse().ok()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    Some(now.as_secs_f64() - uptime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_of_this_process() {
        let process = Process::look();
        assert!(process.resident_bytes.unwrap() > 100_000.0);
        assert!(process.threads.unwrap() >= 1.0 && process.open_fds.unwrap() >= 3.0);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        let age = now - process.start_seconds.unwrap();
        assert!((-2.0..86_400.0).contains(&age), "{age}");
    }
}
