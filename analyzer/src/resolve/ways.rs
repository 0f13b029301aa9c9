//! The ways of one file as they are kept from its first look to the joining of all files, when
//! there are millions of them: their names are one text.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::origin::{Origin, Step};

/// Ways, by number: what each goes on from, and its last step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ways {
    steps: Vec<Kept>,
    names: String,
}

/// One step, its name elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    from: Option<Origin>,
    /// Where in the names its own begins and ends.
    name: (u32, u32),
    /// Packages up; nobody means more than this.
    level: u16,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Kind {
    Module,
    Attribute,
    Called,
    Instance,
    Item,
    AnyItem,
    Starred,
}

impl Ways {
    /// None.
    pub const NONE: Self = Self { steps: Vec::new(), names: String::new() };

    /// In their order.
    pub fn of<'s>(ways: impl Iterator<Item = (Option<Origin>, &'s Step<'s>)>) -> Self {
        let mut all = Self::NONE;
        for (from, step) in ways {
            let (kind, level, name) = match step {
                Step::Module { level, name } => (Kind::Module, *level, &**name),
                Step::Attribute(name) => (Kind::Attribute, 0, &**name),
                Step::Called => (Kind::Called, 0, ""),
                Step::Instance => (Kind::Instance, 0, ""),
                Step::Item(key) => (Kind::Item, 0, &**key),
                Step::AnyItem => (Kind::AnyItem, 0, ""),
                Step::Starred(name) => (Kind::Starred, 0, &**name),
            };
            let begin = all.here();
            all.names.push_str(name);
            let level = u16::try_from(level).unwrap_or(u16::MAX);
            let name = (begin, all.here());
            all.steps.push(Kept { from, name, level, kind });
        }
        all.steps.shrink_to_fit();
        all.names.shrink_to_fit();
        all
    }

    fn here(&self) -> u32 {
        // A name of a way stands in the file, which is shorter than that.
        u32::try_from(self.names.len()).unwrap_or(u32::MAX)
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// One of them.
    pub fn get(&self, number: usize) -> Option<(Option<Origin>, Step<'_>)> {
        self.steps.get(number).map(|kept| self.step(*kept))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (Option<Origin>, Step<'_>)> {
        self.steps.iter().map(|kept| self.step(*kept))
    }

    fn step(&self, Kept { from, name, level, kind }: Kept) -> (Option<Origin>, Step<'_>) {
        let name = self.names.get(name.0 as usize..name.1 as usize).unwrap_or_default();
        let name = Cow::Borrowed(name);
        let step = match kind {
            Kind::Module => Step::Module { level: u32::from(level), name },
            Kind::Attribute => Step::Attribute(name),
            Kind::Called => Step::Called,
            Kind::Instance => Step::Instance,
            Kind::Item => Step::Item(name),
            Kind::AnyItem => Step::AnyItem,
            Kind::Starred => Step::Starred(name),
        };
        (from, step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_comes_back() {
        let steps = [
            (None, Step::Module { level: 2, name: "pkg".into() }),
            (Origin::at(0), Step::Attribute("ä".into())),
            (Origin::at(1), Step::Called),
            (Origin::at(2), Step::Instance),
            (Origin::at(3), Step::Item(String::new().into())),
            (Origin::at(4), Step::AnyItem),
            (Origin::at(5), Step::Starred("name".into())),
        ];
        let ways = Ways::of(steps.iter().map(|(from, step)| (*from, step)));
        assert_eq!(ways.len(), steps.len());
        assert_eq!(ways.iter().collect::<Vec<_>>(), steps);
        assert_eq!(ways.get(1).as_ref(), steps.get(1));
        assert_eq!(ways.get(7), None);
        let bytes = postcard::to_allocvec(&ways).expect("written");
        assert_eq!(postcard::from_bytes::<Ways>(&bytes).expect("read"), ways);
    }
}
