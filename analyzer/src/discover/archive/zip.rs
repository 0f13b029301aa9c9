//! Zip archives: wheels, and source distributions of old.

use std::fs::File;

use flate2::read::DeflateDecoder;
use rawzip::{CompressionMethod, MAX_CENTRAL_DIRECTORY_RECORD_SIZE, ZipArchive};

use super::broken;
use super::gather::{Gather, Want};
use crate::source::Unanalysed;

/// Take what is in it. An error ends it.
pub(super) fn read(file: File, gather: &mut Gather) -> Result<(), Unanalysed> {
    let mut buffer = vec![0; MAX_CENTRAL_DIRECTORY_RECORD_SIZE];
    let archive = ZipArchive::from_file(file, &mut buffer)
        .map_err(|error| broken(format!("no zip archive, or cut short: {}", said(&error))))?;
    let mut local = vec![0; MAX_CENTRAL_DIRECTORY_RECORD_SIZE];
    let mut entries = archive.entries(&mut buffer);
    let mut count: u64 = 0;
    loop {
        let entry = entries
            .next_entry()
            .map_err(|error| broken(format!("its directory is broken: {}", said(&error))))?;
        let Some(entry) = entry else { break };
        count += 1;
        gather.count()?;
        let raw = entry.file_path().as_bytes().to_owned();
        if entry.mode().is_symlink() {
            gather.refuse(&raw, "it is a link");
            continue;
        }
        let (flags, method) = (entry.flags(), entry.compression_method());
        let found = archive.get_entry(entry.wayfinder());
        let same = found.as_ref().ok().and_then(|found| {
            let header = found.local_header(&mut local).ok()?;
            Some(header.file_path().as_bytes() == raw)
        });
        match same {
            // Some installers go by the one, some by the other.
            Some(false) => {
                gather.refuse(&raw, "the archive has two names for it");
                continue;
            }
            None => {
                gather.refuse(&raw, "it is not where the archive says it is");
                continue;
            }
            Some(true) => {}
        }
        if raw.ends_with(b"/") {
            // A folder; that its name leads somewhere else is told all the same.
            if let Err(detail) = super::name::plain(&raw) {
                gather.refuse(&raw, &detail);
            }
            continue;
        }
        let Some((name, want)) = gather.file(&raw) else { continue };
        let Ok(found) = found else { continue };
        if want == Want::Nothing {
            continue;
        }
        if flags.is_encrypted() || flags.has_strong_encryption() || flags.is_masked() {
            gather.refuse(&raw, "it is encrypted");
        } else if method == CompressionMethod::STORE {
            gather.take(name, want, found.verifying_reader(found.reader()))?;
        } else if method == CompressionMethod::DEFLATE {
            let reader = DeflateDecoder::new(found.reader());
            gather.take(name, want, found.verifying_reader(reader))?;
        } else {
            gather.refuse(&raw, &format!("it is compressed in another way: {}", method.as_u16()));
        }
    }
    let told = archive.entries_hint();
    if told != count {
        return Err(broken(format!("its directory says {told} members and has {count}")));
    }
    Ok(())
}

fn said(error: &rawzip::Error) -> String {
    error.to_string().to_lowercase()
}
