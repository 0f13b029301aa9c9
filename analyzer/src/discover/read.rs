//! Reading one file: regular, bounded, never waiting.

use std::fs::{self, File, FileType, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

use crate::source::{Reason, SIZE_LIMIT, Unanalysed, too_large};

/// The bytes of a regular file of at most [`SIZE_LIMIT`] bytes. Nothing else is opened, nothing
/// larger allocated.
pub fn read(path: &Path) -> Result<Vec<u8>, Unanalysed> {
    read_up_to(path, SIZE_LIMIT)
}

/// The same with another limit.
pub(crate) fn read_up_to(path: &Path, limit: u64) -> Result<Vec<u8>, Unanalysed> {
    let (file, metadata) = open(path)?;
    if metadata.len() > limit {
        return Err(too_large(metadata.len()));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default() + 1);
    // The file may grow meanwhile, and some systems' own files have no size.
    fill(file, limit, &mut bytes)?;
    Ok(bytes)
}

/// All of a stream, standard input for one, up to the same limit.
pub fn read_stream(stream: impl Read) -> Result<Vec<u8>, Unanalysed> {
    let mut bytes = Vec::new();
    fill(stream, SIZE_LIMIT, &mut bytes)?;
    Ok(bytes)
}

/// At most `limit` bytes from the start of a regular file.
pub(super) fn read_head(path: &Path, limit: usize) -> Result<Vec<u8>, Unanalysed> {
    let (file, _) = open(path)?;
    let mut bytes = Vec::with_capacity(limit);
    file.take(limit as u64).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    Ok(bytes)
}

/// What the operating system said.
pub(super) fn unreadable(error: &io::Error) -> Unanalysed {
    Unanalysed::new(Reason::Unreadable, error.to_string().to_lowercase())
}

/// What stands there instead of a file.
pub(super) fn not_a_file(kind: FileType) -> Unanalysed {
    Unanalysed::new(Reason::NotAFile, describe(kind))
}

fn fill(stream: impl Read, limit: u64, bytes: &mut Vec<u8>) -> Result<(), Unanalysed> {
    stream.take(limit + 1).read_to_end(bytes).map_err(|error| unreadable(&error))?;
    if bytes.len() as u64 > limit {
        let detail = format!("more than the limit of {limit} bytes");
        return Err(Unanalysed::new(Reason::TooLarge, detail));
    }
    Ok(())
}

/// A regular file and its size.
pub(super) fn open_regular(path: &Path) -> Result<(File, u64), Unanalysed> {
    let (file, metadata) = open(path)?;
    Ok((file, metadata.len()))
}

fn open(path: &Path) -> Result<(File, Metadata), Unanalysed> {
    // Asked before, for opening a device can have effects, and after, for it may have been
    // replaced in between; opening a FIFO then does not wait.
    let regular = |metadata: &Metadata| {
        if metadata.is_file() { Ok(()) } else { Err(not_a_file(metadata.file_type())) }
    };
    regular(&fs::metadata(path).map_err(|error| unreadable(&error))?)?;
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    }
    let file = options.open(path).map_err(|error| unreadable(&error))?;
    let metadata = file.metadata().map_err(|error| unreadable(&error))?;
    regular(&metadata)?;
    Ok((file, metadata))
}

#[cfg(unix)]
fn describe(kind: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_block_device() || kind.is_char_device() {
        "a device"
    } else {
        "no regular file"
    }
}

#[cfg(not(unix))]
fn describe(kind: FileType) -> &'static str {
    if kind.is_dir() { "a folder" } else { "no regular file" }
}
