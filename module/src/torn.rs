//! The torn tail: an AOF that ends inside a MULTI.
//!
//! With plain commands a unit is one MULTI. When Redis dies in the middle of writing it, the
//! first start truncates the file to the last whole transaction, but what stood in front of the
//! cut can stay as an orphan head, which a second start applies beside the unit that was done
//! again: records twice. One command a unit (PROPAGATE units) is immune, but units of a route
//! that runs a COMMAND are MULTIs there too. So: remember the last
//! incremental file's size before loading; when it is smaller afterwards, hold, have Redis write a
//! whole new AOF (CONFIG SET appendonly no, yes), and go on when that stands.

use crate::load::Propagate;
use crate::redis::{Context, Manner};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long after a failure the AOF is switched again.
const RETRY: Duration = Duration::from_secs(1);

/// Where the mending stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TornTail {
    /// There is nothing to look at: no AOF, or no MULTI in it that could be torn.
    Immune,
    /// The file and its size before loading.
    Watched { file: PathBuf, size: u64 },
    /// It was torn: the AOF is to be switched off.
    Torn,
    /// It is switched off, and to be switched on.
    Off,
    /// Switching failed; tried again from that time on.
    Failed { back_to: Box<TornTail>, at: Instant },
    /// A new AOF is being written.
    Rewriting,
}

impl TornTail {
    /// To be called before the AOF is loaded.
    pub fn watch(context: Context) -> TornTail {
        if setting(context, "appendonly").as_deref() != Some("yes") {
            return TornTail::Immune;
        }
        let found = last_increment(context)
            .and_then(|file| Some((std::fs::metadata(&file).ok()?.len(), file)));
        found.map_or(TornTail::Immune, |(size, file)| TornTail::Watched { file, size })
    }

    /// Whether writing must wait. To be asked once loading is over, until it says no.
    /// `sent` is how units may have been sent to the AOF.
    pub fn is_mending(&mut self, context: Context, sent: Propagate) -> bool {
        match self {
            TornTail::Immune => return false,
            TornTail::Watched { .. } if sent == Propagate::Units => {
                *self = TornTail::Immune;
                return false;
            }
            TornTail::Watched { file, size } => {
                let now = std::fs::metadata(&*file).map_or(0, |metadata| metadata.len());
                if now >= *size {
                    *self = TornTail::Immune;
                    return false;
                }
                log::warn!(
                    "the AOF {} lost its last {} bytes to a crash: writing it anew before going on",
                    file.display(),
                    *size - now
                );
                *self = TornTail::Torn;
            }
            TornTail::Failed { back_to, at } if Instant::now() >= *at => {
                *self = (**back_to).clone()
            }
            _ => {}
        }
        let next = match self {
            TornTail::Torn => Some(switch(context, "no", TornTail::Torn, TornTail::Off)),
            TornTail::Off => Some(switch(context, "yes", TornTail::Off, TornTail::Rewriting)),
            TornTail::Rewriting if is_whole(context) => {
                log::info!("the AOF is whole again");
                Some(TornTail::Immune)
            }
            _ => None,
        };
        if let Some(next) = next {
            *self = next;
        }
        *self != TornTail::Immune
    }
}

/// One step of the way: off, on again, and whole. A step that fails is tried again at the next
/// look; going on without an AOF that was wanted is no way out.
fn switch(context: Context, value: &str, now: TornTail, then: TornTail) -> TornTail {
    match context.call("CONFIG", &["SET", "appendonly", value], Manner::Local) {
        Ok(_) => then,
        Err(error) => {
            log::warn!("CONFIG SET appendonly {value}: {error}; tried again until it works");
            TornTail::Failed { back_to: Box::new(now), at: Instant::now() + RETRY }
        }
    }
}

/// The last incremental file of a multi-part AOF, by its manifest.
fn last_increment(context: Context) -> Option<PathBuf> {
    let folder = Path::new(&setting(context, "dir")?).join(setting(context, "appenddirname")?);
    let manifest = folder.join(format!("{}.manifest", setting(context, "appendfilename")?));
    let manifest = std::fs::read_to_string(manifest).ok()?;
    let increment = |line: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        let is_increment = words.windows(2).any(|pair| pair == ["type", "i"]);
        let name = words.iter().skip_while(|word| **word != "file").nth(1);
        name.filter(|_| is_increment).map(|name| (*name).to_owned())
    };
    let name = manifest.lines().filter_map(increment).next_back()?;
    Some(folder.join(name))
}

fn setting(context: Context, name: &str) -> Option<String> {
    let reply = context.call("CONFIG", &["GET", name], Manner::Local).ok()?;
    reply.list().last().map(|value| value.text())
}

/// Whether a new AOF stands. Redis itself tries again after a rewrite that failed.
fn is_whole(context: Context) -> bool {
    let Ok(info) = context.call("INFO", &["persistence"], Manner::Local) else { return false };
    let info = info.text();
    let says = |line: &str| info.lines().any(|found| found.trim_end() == line);
    says("aof_enabled:1")
        && says("aof_rewrite_in_progress:0")
        && says("aof_rewrite_scheduled:0")
        && says("aof_last_bgrewrite_status:ok")
}
