//! Runs in parts: the first look at the files of one part, written down; and a run that takes the
//! first looks of all parts instead of its own.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::file::{self, facts};
use super::kept::judge_kept;
use super::linked::{Looked, Offered};
use super::{Applies, Outcome, ProjectError, Settings, on_workers, see};
use crate::cache::Kept;
use crate::detect::Linking;
use crate::discover::{self, File};
use crate::judge::Judgement;
use crate::resolve::names::NameTable;
use crate::shard::{Common, Entry, FileName, Mismatch, Part, Shard, Shards};
use crate::source::{Unanalysed, decode};
use crate::summary::Facts;
use crate::summary::links::Links;

/// What one part of a run gives.
#[derive(Debug)]
pub struct Made {
    /// To be written.
    pub shard: Shard,
    /// How many files there are in all parts.
    pub all: usize,
}

/// Find everything below the roots, and look at the files of one part. `done` is raised by one for
/// every finished file.
///
/// # Errors
/// [`ProjectError`] where a root or pattern is none, or threads cannot be had; never for what is
/// in a file.
pub fn make(
    settings: &Settings,
    part: Part,
    common: Common,
    done: &AtomicUsize,
) -> Result<Made, ProjectError> {
    let linking = Linking::Facts { graph: common.graph };
    on_workers(settings.threads, || {
        let found = discover::discover(&settings.discover).map_err(ProjectError::Discover)?;
        let files: Vec<(&File, Applies)> = found
            .files
            .par_iter()
            .map(|file| (file, settings.applies(file.on_disk())))
            .filter(|(_, applies)| !applies.excluded)
            .collect();
        let entries: BTreeMap<FileName, Entry> = files
            .par_iter()
            .map(|(file, applies)| (FileName::new(&file.path, &settings.base), *file, applies))
            .filter(|(name, ..)| part.has(name))
            .map(|(name, file, applies)| {
                let judgement = applies.judgement(&settings.judgement);
                let entry = entry(settings, judgement, file, linking);
                done.fetch_add(1, Ordering::Relaxed);
                (name, entry)
            })
            .collect();
        if let Some(cache) = &settings.cache {
            cache.write();
        }
        Ok(Made { shard: Shard::of(part, common, entries), all: files.len() })
    })?
}

/// What one look at a file gives.
fn entry(settings: &Settings, judgement: &Judgement, file: &File, linking: Linking<'_>) -> Entry {
    let names = judgement.names.identity();
    let mut entry = Entry { kind: file.kind, names, content: None, facts: None, links: None };
    // As it was before it was read.
    let seen = match linking {
        Linking::Facts { graph: false } => see(judgement, file, settings, None),
        // The cache keeps no call graphs.
        _ => None,
    };
    let Ok(bytes) = file.read() else { return entry };
    let content = blake3::hash(&bytes);
    entry.content = Some(content.into());
    let known = seen.as_ref().and_then(|seen| {
        let mut kept = seen.same(content)?;
        let links = kept.links.take()?.decode()?;
        kept.facts.summary.links = Some(links);
        Some(kept)
    });
    let kept = known.or_else(|| {
        let kept = facts(judgement, bytes, file.kind, linking)?;
        if let Some(seen) = &seen {
            seen.keep(content, &kept);
        }
        Some(kept)
    });
    let Some(kept) = kept else { return entry };
    let written = |bytes: postcard::Result<Vec<u8>>| bytes.ok().map(Vec::into_boxed_slice);
    entry.facts = written(postcard::to_allocvec(&kept));
    let links = kept.facts.summary.links.as_deref();
    entry.links = links.and_then(|links| written(postcard::to_allocvec(links)));
    entry
}

/// Whether the files were those of the shards.
pub(super) fn finish(settings: &Settings) -> Result<(), ProjectError> {
    settings.shards.as_ref().map_or(Ok(()), |shards| shards.finish().map_err(ProjectError::Shards))
}

/// A first look that another took.
struct Taken {
    kept: Kept,
    links: Option<Box<Links>>,
}

/// What the shards have of a file with these bytes; `None` where it has no facts.
fn take(
    shards: &Shards,
    names: &NameTable,
    name: &FileName,
    file: &File,
    read: &Result<Vec<u8>, Unanalysed>,
) -> Result<Option<Taken>, Mismatch> {
    let (part, entry) = shards.entry(name)?;
    if entry.kind != file.kind || entry.names != names.identity() {
        return Err(Mismatch::Names(part));
    }
    let content = read.as_ref().ok().map(|bytes| *blake3::hash(bytes).as_bytes());
    if content != entry.content {
        return Err(Mismatch::Bytes(part));
    }
    let Some(facts) = &entry.facts else { return Ok(None) };
    let damaged = || Mismatch::Damaged(part);
    let kept: Kept = postcard::from_bytes(facts).map_err(|_| damaged())?;
    let links = match &entry.links {
        Some(links) => {
            let links: Box<Links> = postcard::from_bytes(links).map_err(|_| damaged())?;
            Some(links).filter(|links| links.is_sound())
        }
        None => None,
    };
    if links.is_none() && (entry.links.is_some() || !kept.facts.has_no_tree()) {
        return Err(damaged());
    }
    Ok(Some(Taken { kept, links }))
}

/// A file's findings as far as it alone tells, from the look that another took at it.
pub(super) fn judge(
    shards: &Shards,
    judgement: &Judgement,
    shown: &str,
    file: &File,
    base: &Path,
    linking: Linking<'_>,
) -> Looked {
    let name = FileName::new(&file.path, base);
    let read = file.read();
    let looked = take(shards, &judgement.names, &name, file, &read).map(|taken| {
        let Some(Taken { kept, links }) = taken else {
            return file::analyse(judgement, shown, || read, file.kind, None, linking);
        };
        let with_text = judgement.suppressions && kept.lines.is_some();
        let source = read.as_ref().ok().filter(|_| with_text);
        let source = source.and_then(|bytes| decode(bytes.clone(), file.kind).ok());
        // Where what is kept is not enough, as for findings about comments that are to be known
        // again, the file is looked at here.
        let known = judge_kept(judgement, shown, kept, source.as_ref(), Linking::Off);
        let Some(mut looked) = known else {
            return file::analyse(judgement, shown, || read, file.kind, None, linking);
        };
        looked.links = links.map(Offered::Made);
        looked
    });
    looked.unwrap_or_else(|mismatch| {
        shards.note(name, mismatch);
        Looked { outcome: Outcome::of(shown), links: None, identity: None }
    })
}

/// What a file does and what of it was not analysed, with its links, from the look that another
/// took at it; `None` where it is to be looked at here.
pub(super) fn facts_of(
    shards: &Shards,
    names: &NameTable,
    file: &File,
    base: &Path,
) -> Option<Facts> {
    let name = FileName::new(&file.path, base);
    match take(shards, names, &name, file, &file.read()) {
        Ok(taken) => taken.map(|Taken { kept, links }| {
            let mut facts = kept.facts;
            facts.summary.links = links;
            facts
        }),
        Err(mismatch) => {
            shards.note(name, mismatch);
            Some(Facts::default())
        }
    }
}
