//! Reading files and standard input, never more of them than a caller can use.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Input that can not be read: exit code 2.
#[derive(Debug)]
pub(crate) struct Unreadable(String);

impl Unreadable {
    pub(crate) fn new(what: impl fmt::Display, why: impl fmt::Display) -> Self {
        Self(format!("{what}: {why}"))
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads a file, or standard input for `-`: at most `limit` bytes and one more, so that what is
/// too long is seen to be so without being read to its end.
pub(crate) fn read(path: &Path, limit: usize) -> Result<Vec<u8>, Unreadable> {
    let name = path.display();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        std::io::stdin()
            .lock()
            .take(most)
            .read_to_end(&mut bytes)
            .map_err(|error| Unreadable::new("standard input", error))?;
    } else {
        if path.is_dir() {
            return Err(Unreadable::new(name, "is a directory"));
        }
        File::open(path)
            .and_then(|file| file.take(most).read_to_end(&mut bytes))
            .map_err(|error| Unreadable::new(name, error))?;
    }
    Ok(bytes)
}

/// Reads the same, of which nothing may be missing: what is too long is refused, even if the part
/// that was read would make sense.
pub(crate) fn read_whole(path: &Path, limit: usize) -> Result<Vec<u8>, Unreadable> {
    let bytes = read(path, limit)?;
    if bytes.len() > limit {
        return Err(Unreadable::new(
            path.display(),
            format_args!("is larger than {limit} bytes"),
        ));
    }
    Ok(bytes)
}

/// Opens a file, or standard input for `-`, to be read piece by piece; with its size, if it has
/// one.
pub(crate) fn open(path: &Path) -> Result<(Box<dyn BufRead>, Option<u64>), Unreadable> {
    if path == Path::new("-") {
        return Ok((Box::new(std::io::stdin().lock()), None));
    }
    let unreadable = |error| Unreadable::new(path.display(), error);
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(Unreadable::new(path.display(), "is a directory"));
    }
    let bytes = metadata.is_file().then_some(metadata.len());
    Ok((Box::new(BufReader::new(file)), bytes))
}

/// A path, or `-` for standard input.
pub(crate) type InputPath = PathBuf;
