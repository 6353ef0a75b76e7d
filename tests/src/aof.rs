//! The append-only file of Redis 7: where its commands begin and end, and
//! cutting it short as a crash or a restored backup does.

use std::fs::File;
use std::path::{Path, PathBuf};

/// A command in an append-only file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Byte offsets in the file; `end` is exclusive.
    pub start: u64,
    pub end: u64,
    /// The words, the command's name in upper case first.
    pub words: Vec<Vec<u8>>,
}

impl Command {
    /// The command's name.
    pub fn name(&self) -> String {
        String::from_utf8_lossy(&self.words[0]).to_uppercase()
    }
}

/// The last incremental file that the manifest names (7.0's multi-part AOF).
pub fn incremental(directory: &Path) -> PathBuf {
    find_incremental(directory).expect("an incremental file in the manifest")
}

/// The same; none where nothing was ever written.
pub fn find_incremental(directory: &Path) -> Option<PathBuf> {
    let appendonly = directory.join("appendonlydir");
    let manifest = std::fs::read_to_string(appendonly.join("appendonly.aof.manifest")).ok()?;
    // Redis 8 says more behind it: `file … seq 1 type i startoffset 0`.
    let increment = |line: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        let is_increment = words.windows(2).any(|pair| pair == ["type", "i"]);
        words.get(1).filter(|_| is_increment).map(|name| appendonly.join(name))
    };
    manifest.lines().filter_map(increment).next_back()
}

/// Every whole command of an append-only file; a torn tail is left out.
pub fn commands(file: &Path) -> Vec<Command> {
    let bytes = std::fs::read(file).expect("read the AOF");
    let mut commands = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'#' {
            match line(&bytes, at) {
                Some((_, next)) => at = next,
                None => break,
            }
            continue;
        }
        match command(&bytes, at) {
            Some((words, end)) => {
                commands.push(Command { start: at as u64, end: end as u64, words });
                at = end;
            }
            None => break,
        }
    }
    commands
}

/// The last `count` units of an append-only file: ranges of commands, each the
/// one packed command or all from MULTI to EXEC.
pub fn last_units(commands: &[Command], count: usize) -> Vec<&[Command]> {
    let mut units = Vec::new();
    let mut index = 0;
    while index < commands.len() {
        let length = match commands[index].name().as_str() {
            "KAFKA.APPLY" => 1,
            "MULTI" => {
                let exec = commands[index..].iter().position(|c| c.name() == "EXEC");
                exec.map_or(commands.len() - index, |at| at + 1)
            }
            _ => 0,
        };
        if length > 0 {
            units.push(&commands[index..index + length]);
        }
        index += length.max(1);
    }
    units.split_off(units.len().saturating_sub(count))
}

/// Cuts the file after `length` bytes.
pub fn cut(file: &Path, length: u64) {
    let file = File::options().write(true).open(file).expect("open the AOF");
    file.set_len(length).expect("cut the AOF");
}

fn command(bytes: &[u8], at: usize) -> Option<(Vec<Vec<u8>>, usize)> {
    let (count, mut at) = header(bytes, at, b'*')?;
    let mut words = Vec::with_capacity(count);
    for _ in 0..count {
        let (length, start) = header(bytes, at, b'$')?;
        words.push(bytes.get(start..start + length)?.to_vec());
        at = start + length + 2;
    }
    (at <= bytes.len()).then_some((words, at))
}

/// A `*3` or `$5` line: its number and where the next line begins.
fn header(bytes: &[u8], at: usize, kind: u8) -> Option<(usize, usize)> {
    let (text, next) = line(bytes, at)?;
    assert_eq!(text.first(), Some(&kind), "the AOF is not RESP at byte {at}");
    let number = std::str::from_utf8(&text[1..]).expect("a number in the AOF");
    Some((number.parse().expect("a number in the AOF"), next))
}

fn line(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let rest = &bytes[at..];
    let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
    Some((&rest[..end], at + end + 2))
}
