//! How the kernel shares its processors out among threads. It stands here, and not where it is
//! used, because this is where unsafe code may; no crate wraps it.

use std::io;

/// Asks that the calling thread, when it wakes, need not wait until another one has had its whole
/// turn: for a thread that does little at a time, and for which somebody waits. In exchange its own
/// turns are short; its share of the processors is the same. Whoever may run may ask for it.
///
/// Linux does so from 6.12 on (EEVDF, `Documentation/scheduler/sched-eevdf.rst`: a time slice by
/// `sched_setattr`); before, and on other systems, nothing changes. Threads with real-time policies
/// are left as they are.
pub fn ask_for_short_turns() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    linux::ask_for_short_turns()?;
    Ok(())
}

#[cfg(target_os = "linux")]
mod linux {
    use libc::{
        SCHED_BATCH, SCHED_OTHER, SYS_sched_getattr, SYS_sched_setattr, c_long, sched_attr, syscall,
    };
    use std::io;
    use std::time::Duration;

    /// The shortest turn that Linux grants.
    const SHORT: Duration = Duration::from_micros(100);

    /// Of `sched_attr`, as the kernel counts it.
    const SIZE: u32 = size_of::<sched_attr>() as u32;

    pub(super) fn ask_for_short_turns() -> io::Result<()> {
        let attributes = attributes()?;
        let policies = [SCHED_OTHER, SCHED_BATCH].map(|policy| policy as u32);
        if !policies.contains(&attributes.sched_policy) {
            return Ok(());
        }
        let attributes = sched_attr { sched_runtime: SHORT.as_nanos() as u64, ..attributes };
        // SAFETY: 0 is the calling thread; the structure says how long it is, and is read during the
        // call only.
        done(unsafe { syscall(SYS_sched_setattr, 0, &raw const attributes, 0) })
    }

    /// The calling thread's.
    fn attributes() -> io::Result<sched_attr> {
        let mut attributes = sched_attr {
            size: SIZE,
            sched_policy: 0,
            sched_flags: 0,
            sched_nice: 0,
            sched_priority: 0,
            sched_runtime: 0,
            sched_deadline: 0,
            sched_period: 0,
        };
        // SAFETY: 0 is the calling thread; the structure is as long as is said, and written during the
        // call only.
        done(unsafe { syscall(SYS_sched_getattr, 0, &raw mut attributes, SIZE, 0) })?;
        Ok(attributes)
    }

    fn done(code: c_long) -> io::Result<()> {
        if code == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        /// Whether this kernel grants turns: its version is `major.minor.…`.
        fn grants() -> bool {
            let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
            let mut numbers = release.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
            (numbers.next().unwrap(), numbers.next().unwrap()) >= (6, 12)
        }

        #[test]
        fn a_thread_gets_short_turns_and_keeps_the_rest() {
            let asked = std::thread::spawn(|| {
                let before = attributes().unwrap();
                ask_for_short_turns().unwrap();
                (before, attributes().unwrap())
            });
            let (before, after) = asked.join().unwrap();
            assert_eq!(after.sched_policy, before.sched_policy);
            assert_eq!(after.sched_nice, before.sched_nice);
            if grants() {
                assert_ne!(before.sched_runtime, after.sched_runtime);
                assert_eq!(u128::from(after.sched_runtime), SHORT.as_nanos());
            }
        }
    }
}
