//! Shards as files.
//!
//! A file begins with a mark that transfers as text destroy, the number of this form, the length
//! of what follows and its hash. So what is cut off or damaged is told from what is foreign, and
//! nothing is made of bytes that are not all there. The hash keeps nobody from writing a file of
//! their own: what follows is read with care as well.
//!
//! Then come the version and the code that wrote it, which any later form has in the same place,
//! and the parts. Facts are good for the code that made them and no other.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Common, Entry, FileName, Files, MOST_PARTS, Shard};
use crate::resolve::names::TableId;
use crate::source::FileKind;

/// As PNG begins (<https://www.w3.org/TR/png/#5PNG-file-signature>), and for the same reasons.
const MARK: &[u8; 16] = b"\x89hermshard\r\n\x1a\n\0\0";

/// The number of the form described here.
const FORM: u32 = 1;

/// Bytes before the body: the mark, the form, the length, the hash.
const BEFORE: usize = 16 + 4 + 8 + blake3::OUT_LEN;

/// What wrote the file.
#[derive(Debug, Serialize, Deserialize)]
struct Writer<'b> {
    version: &'b str,
    code: &'b str,
}

#[derive(Serialize, Deserialize)]
struct Body<'b> {
    common: Common,
    #[serde(borrow)]
    parts: Vec<(u32, Vec<Stored<'b>>)>,
}

/// What is stored of a file, in the order of their names.
#[derive(Serialize, Deserialize)]
struct Stored<'b> {
    name: &'b [u8],
    kind: FileKind,
    names: TableId,
    content: Option<[u8; blake3::OUT_LEN]>,
    facts: Option<&'b [u8]>,
    links: Option<&'b [u8]>,
}

/// Why a file is no shard that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadError {
    /// Something else.
    Foreign,
    /// Of a form that this code does not know.
    Form(u32),
    /// Not all of it is there: so many bytes of so many.
    Truncated(u64, u64),
    /// Not as it was written.
    Damaged,
    /// Written by this other version.
    Version(String),
    /// Written by another build of this version.
    Build,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own = env!("CARGO_PKG_VERSION");
        match self {
            Self::Foreign => f.write_str("is no shard: name files that --shard has written"),
            Self::Form(form) => write!(
                f,
                "is a shard of form {form}, and hermetic-check {own} reads form {FORM}; take one \
                 version for every shard and the merge"
            ),
            Self::Truncated(there, all) => {
                write!(f, "is cut off: {there} bytes of {all}; copy it again, or make it anew")
            }
            Self::Damaged => f.write_str("is damaged; copy it again as binary, or make it anew"),
            Self::Version(other) => write!(
                f,
                "was made by hermetic-check {other}, and this is {own}; take one version for every \
                 shard and the merge"
            ),
            Self::Build => write!(
                f,
                "was made by another build of hermetic-check {own}; take one binary for every \
                 shard and the merge"
            ),
        }
    }
}

impl std::error::Error for ReadError {}

pub(super) fn write(shard: &Shard) -> Vec<u8> {
    let parts = shard.parts.iter().map(|(part, files)| {
        let stored = files.iter().map(|(name, entry)| Stored {
            name: &name.0,
            kind: entry.kind,
            names: entry.names,
            content: entry.content,
            facts: entry.facts.as_deref(),
            links: entry.links.as_deref(),
        });
        (*part, stored.collect())
    });
    let body = Body { common: shard.common.clone(), parts: parts.collect() };
    let writer = Writer { version: env!("CARGO_PKG_VERSION"), code: env!("HERMETIC_CODE") };
    let mut bytes = vec![0; BEFORE];
    for written in [postcard::to_allocvec(&writer), postcard::to_allocvec(&body)] {
        // Everything in it can be written, and to memory.
        bytes.extend(written.unwrap_or_default());
    }
    let (before, after) = bytes.split_at_mut(BEFORE);
    let length = (after.len() as u64).to_le_bytes();
    let hash = blake3::hash(after);
    let fields: [&[u8]; 4] = [MARK, &FORM.to_le_bytes(), &length, hash.as_bytes()];
    before.copy_from_slice(&fields.concat());
    bytes
}

pub(super) fn read(bytes: &[u8]) -> Result<Shard, ReadError> {
    let cut = || ReadError::Truncated(bytes.len() as u64, BEFORE as u64);
    if !(bytes.starts_with(MARK) || (MARK.starts_with(bytes) && !bytes.is_empty())) {
        return Err(ReadError::Foreign);
    }
    let (form, rest) =
        bytes.get(MARK.len()..).and_then(<[u8]>::split_first_chunk).ok_or_else(cut)?;
    let form = u32::from_le_bytes(*form);
    if form != FORM {
        return Err(ReadError::Form(form));
    }
    let (length, rest) = rest.split_first_chunk().ok_or_else(cut)?;
    let (hash, body) = rest.split_first_chunk().ok_or_else(cut)?;
    let (length, there) = (u64::from_le_bytes(*length), body.len() as u64);
    if there < length {
        let before = BEFORE as u64;
        return Err(ReadError::Truncated(there + before, length.saturating_add(before)));
    }
    if there > length || blake3::hash(body) != blake3::Hash::from_bytes(*hash) {
        return Err(ReadError::Damaged);
    }
    let (writer, body) = postcard::take_from_bytes(body).map_err(|_| ReadError::Damaged)?;
    let Writer { version, code } = writer;
    if version != env!("CARGO_PKG_VERSION") {
        return Err(ReadError::Version(version.chars().take(40).collect()));
    }
    if code != env!("HERMETIC_CODE") {
        return Err(ReadError::Build);
    }
    let (body, rest) = postcard::take_from_bytes(body).map_err(|_| ReadError::Damaged)?;
    if !rest.is_empty() {
        return Err(ReadError::Damaged);
    }
    shard(body).ok_or(ReadError::Damaged)
}

/// What a body says, if it is one that [`write`] can have written.
fn shard(Body { common, parts }: Body<'_>) -> Option<Shard> {
    if !(1..=MOST_PARTS).contains(&common.of) || parts.is_empty() {
        return None;
    }
    let mut all = BTreeMap::new();
    for (part, stored) in parts {
        let mut files = Files::new();
        for Stored { name, kind, names, content, facts, links } in stored {
            let name = FileName(name.into());
            // In no other part can there be another of the same name, then.
            if name.part(common.of) != part {
                return None;
            }
            let (facts, links) = (facts.map(Into::into), links.map(Into::into));
            let entry = Entry { kind, names, content, facts, links };
            if files.insert(name, entry).is_some() {
                return None;
            }
        }
        if !(1..=common.of).contains(&part) || all.insert(part, files).is_some() {
            return None;
        }
    }
    Some(Shard { common, parts: all })
}
