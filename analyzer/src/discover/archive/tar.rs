//! Compressed tar archives: source distributions.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::rc::Rc;

use flate2::bufread::MultiGzDecoder;
use tar::{Archive, EntryType};

use super::gather::Gather;
use super::{MOST_RATIO, MOST_UNPACKED, RATIO_FREE, broken};
use crate::source::Unanalysed;

/// What stands between two members: long names, and fields of pax.
const MOST_HEADERS: u64 = 1 << 20;

/// How much has been unpacked, and how much may be until the next member begins.
#[derive(Debug, Default)]
struct Meter {
    unpacked: Cell<u64>,
    headers: Cell<Option<u64>>,
}

struct Metered<R> {
    inner: R,
    meter: Rc<Meter>,
    most: u64,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let unpacked = self.meter.unpacked.get() + count as u64;
        self.meter.unpacked.set(unpacked);
        if unpacked > self.most {
            return Err(io::Error::other("unpacks to more than is read; the rest was left out"));
        }
        if let Some(left) = self.meter.headers.get() {
            let Some(left) = left.checked_sub(count as u64) else {
                return Err(io::Error::other("a member's header is too long"));
            };
            self.meter.headers.set(Some(left));
        }
        Ok(count)
    }
}

/// Take what is in it. An error ends it.
pub(super) fn read(file: File, gather: &mut Gather) -> Result<(), Unanalysed> {
    let size = file.metadata().map_or(0, |metadata| metadata.len());
    let meter = Rc::new(Meter::default());
    let most = MOST_UNPACKED.min(RATIO_FREE.max(size.saturating_mul(MOST_RATIO)));
    let inner = MultiGzDecoder::new(BufReader::new(file));
    let mut archive = Archive::new(Metered { inner, meter: Rc::clone(&meter), most });
    let mut entries = archive.entries().map_err(|error| said(&error))?;
    loop {
        meter.headers.set(Some(MOST_HEADERS));
        let Some(entry) = entries.next() else { break };
        let mut entry = entry.map_err(|error| said(&error))?;
        meter.headers.set(None);
        gather.count()?;
        let kind = entry.header().entry_type();
        let raw = entry.path_bytes().into_owned();
        match kind {
            EntryType::XGlobalHeader => {
                let mut fields = Vec::new();
                let read = entry.by_ref().take(MOST_HEADERS).read_to_end(&mut fields);
                read.map_err(|error| said(&error))?;
                if renames(&fields) {
                    return Err(broken("it has one name or size for all members"));
                }
            }
            EntryType::Link | EntryType::Symlink => {
                let to = entry.link_name_bytes().unwrap_or_default();
                let to = String::from_utf8_lossy(&to).chars().take(120).collect::<String>();
                gather.refuse(&raw, &format!("it is a link to `{}`", to.escape_debug()));
            }
            EntryType::Char | EntryType::Block | EntryType::Fifo => {
                gather.refuse(&raw, "it is a device");
            }
            EntryType::GNUSparse => {
                return Err(broken("it has a sparse member; the rest was left out"));
            }
            EntryType::Directory => {
                if let Err(detail) = super::name::plain(&raw)
                    && detail != super::name::NO_NAME
                {
                    gather.refuse(&raw, &detail);
                }
            }
            // What else there is, installers unpack as files.
            _ => {
                if let Some((name, want)) = gather.file(&raw) {
                    gather.take(name, want, &mut entry)?;
                }
            }
        }
        io::copy(&mut entry, &mut io::sink()).map_err(|error| said(&error))?;
    }
    // What is left holds the checksum.
    meter.headers.set(None);
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(|error| said(&error))?;
    Ok(())
}

/// Whether fields for all members (`pax_global_header`) change what members are.
fn renames(fields: &[u8]) -> bool {
    fields.split(|byte| *byte == b'\n').any(|line| {
        let field = line.splitn(2, |byte| *byte == b' ').nth(1).unwrap_or_default();
        [&b"path="[..], b"linkpath=", b"size=", b"GNU.sparse"]
            .iter()
            .any(|it| field.starts_with(it))
    })
}

fn said(error: &io::Error) -> Unanalysed {
    broken(format!("no tar.gz archive, or broken: {}", error.to_string().to_lowercase()))
}
