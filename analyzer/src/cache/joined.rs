//! What came of joining the files of a program, kept until one of them changes.
//!
//! Joining asks every file what it offers and takes, and few of them are told anything. So as long
//! as all files are what they were, it is enough to know which were told something, and what that
//! was: a hash by which the findings made with it are found again. Of a program in which a single
//! file has changed nothing is taken from here.

use serde::{Deserialize, Serialize};

use super::{Cache, sources};
use crate::summary::links::Place;

/// What tells one program from another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Program {
    /// Where it is, and what of it is looked at: of the programs there, one is kept.
    pub(crate) place: blake3::Hash,
    /// Its files, and all that joining them hangs on.
    pub(crate) content: blake3::Hash,
}

/// What came of joining.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Joined {
    /// The files that were told something, by their numbers.
    pub(crate) told: Vec<Told>,
}

/// One file that was told something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Told {
    /// Its number.
    pub(crate) file: u32,
    /// The hash of what it was told.
    pub(crate) what: [u8; blake3::OUT_LEN],
    /// What it takes from others.
    pub(crate) taken: Vec<Taken>,
}

/// Something a rule knows, taken from another file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Taken {
    /// What the rule calls it.
    pub(crate) name: Box<str>,
    /// Where this file imports it.
    pub(crate) import: Option<Place>,
    /// The file it is taken from, by its number, and where that takes it.
    pub(crate) from: u32,
    /// Where that file takes it.
    pub(crate) place: Option<Place>,
    /// The files between the two that it comes through, by their numbers, and where; the nearest
    /// first.
    pub(crate) through: Box<[(u32, Place)]>,
}

impl Cache {
    /// What came of joining this program before.
    pub(crate) fn joined(&self, program: &Program) -> Option<Joined> {
        let read = self.store.read_joined(program.place).unwrap_or_else(|error| {
            self.note(error);
            None
        });
        let (content, joined) = postcard::from_bytes::<([u8; 32], Joined)>(&read?).ok()?;
        (content == *program.content.as_bytes()).then_some(joined)
    }

    /// Keep what came of joining it now.
    pub(crate) fn keep_joined(&self, program: &Program, joined: &Joined) {
        let Ok(bytes) = postcard::to_allocvec(&(program.content.as_bytes(), joined)) else {
            return;
        };
        if let Err(error) = self.store.write_joined(program.place, &bytes) {
            self.note(error);
        }
    }

    /// What tells a program: the folder that paths are shown from, the folders its modules are
    /// named from, and its files, each with what it [is](super::Seen::identity).
    pub(crate) fn program<'f>(
        base: &std::path::Path,
        roots: &crate::link::modules::Roots,
        names: &crate::resolve::names::TableId,
        files: impl Iterator<Item = (&'f std::path::Path, blake3::Hash)>,
    ) -> Option<Program> {
        let mut place = blake3::Hasher::new();
        // Lengths first, so that no two lists read alike.
        let put = |hasher: &mut blake3::Hasher, bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
        };
        put(&mut place, sources(base)?.as_os_str().as_encoded_bytes());
        put(&mut place, sources(std::path::Path::new(""))?.as_os_str().as_encoded_bytes());
        for list in [&roots.given, &roots.searched] {
            place.update(&(list.len() as u64).to_le_bytes());
            for root in list {
                put(&mut place, root.as_os_str().as_encoded_bytes());
            }
        }
        let mut content = place.clone();
        put(&mut content, names);
        for (path, identity) in files {
            put(&mut content, path.as_os_str().as_encoded_bytes());
            content.update(identity.as_bytes());
        }
        Some(Program { place: place.finalize(), content: content.finalize() })
    }
}
