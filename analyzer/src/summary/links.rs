//! What a file offers to others and takes from them: what [`crate::link`] joins.
//!
//! A file alone cannot tell what `helper.go` is. It can tell that it calls what a way through
//! `helper` leads to ([`Origins`](crate::resolve::origin::Origins)), and what its own names are.
//! Both are written down here, with numbers of this file's functions, classes and ways.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use hermetic_policy::Capability;

use crate::diagnostic::{Position, Span};
use crate::resolve::names::NameId;
use crate::resolve::origin::Origin;
pub use crate::resolve::ways::Ways;
use crate::summary::Range;
use crate::summary::stored::nested;

/// What one file offers and takes.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct Links {
    /// Ways into other files, by number: what each goes on from, and its last step.
    pub ways: Ways,
    /// Where an import statement named a way, by the way's number.
    pub imports: Vec<Import>,
    /// Names of the module, sorted.
    pub exports: Vec<Export>,
    /// Modules whose names are all bound here by a star import.
    pub stars: Vec<Origin>,
    /// What `__all__` lists, where it is one literal list.
    pub all: Option<Vec<Box<str>>>,
    /// What a module's `__getattr__` gives (PEP 562).
    pub getattr: Option<Thing>,
    /// What is done while the module is imported that a guard would stop, the first of each kind.
    pub kept: Vec<Kept>,
    /// Where guards are installed.
    pub installs: Vec<Install>,
    /// Functions, by number.
    pub functions: Vec<Function>,
    /// Classes, by number.
    pub classes: Vec<Class>,
    /// Calls and the like; only where a call graph was asked for.
    pub edges: Vec<Edge>,
    /// Calls of nobody knows what, by function: the first, and how many.
    pub unresolved: Vec<Unresolved>,
    /// Where each of the file's acts stands, in their order; only for a call graph.
    pub act_places: Vec<Place>,
    /// Where each of the file's imports stands, in their order; only for a call graph.
    pub import_places: Vec<Place>,
}

impl Links {
    /// Of a file that nothing is known of.
    pub fn nothing() -> &'static Self {
        static NOTHING: Links = Links::NOTHING;
        &NOTHING
    }

    /// Where an import statement of the file names a way, or what it goes on from.
    pub(crate) fn import_of(&self, way: usize) -> Option<Place> {
        let mut at = Some(way);
        while let Some(way) = at {
            let named = self.imports.iter().find(|import| import.way as usize == way);
            if let Some(import) = named {
                return Some(import.place);
            }
            at = self.ways.get(way).and_then(|(from, _)| from?.index());
        }
        None
    }

    /// Whether what was read back is what can have been written: each way goes on from one before
    /// it, so that who follows them comes to an end.
    pub(crate) fn is_sound(&self) -> bool {
        let mut ways = self.ways.iter().enumerate();
        ways.all(|(own, (from, _))| from.and_then(Origin::index).is_none_or(|from| from < own))
    }

    /// Give back what was set aside for more: it is kept until all files are looked at.
    pub(crate) fn shrink(&mut self) {
        self.imports.shrink_to_fit();
        self.exports.shrink_to_fit();
        self.functions.shrink_to_fit();
        for class in &mut self.classes {
            class.members.shrink_to_fit();
        }
        self.classes.shrink_to_fit();
        self.edges.shrink_to_fit();
    }

    const NOTHING: Self = Self {
        ways: Ways::NONE,
        imports: Vec::new(),
        exports: Vec::new(),
        stars: Vec::new(),
        all: None,
        getattr: None,
        kept: Vec::new(),
        installs: Vec::new(),
        functions: Vec::new(),
        classes: Vec::new(),
        edges: Vec::new(),
        unresolved: Vec::new(),
        act_places: Vec::new(),
        import_places: Vec::new(),
    };
}

impl Place {
    /// It, as a stretch of no length; its offset is not known.
    pub fn span(self) -> Span {
        let start = Position { row: self.row, column: self.column };
        let cell = Some(self.cell).filter(|cell| *cell > 0);
        Span { cell, offset: 0, start, end: start }
    }
}

/// A name of a module.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct Export {
    /// The name.
    pub name: Box<str>,
    /// What it is.
    pub thing: Thing,
    /// Where it is taken, for what a rule knows.
    pub place: Option<Place>,
}

/// An import statement that names a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// The way, by its number.
    pub way: u32,
    /// Who imports it.
    pub owner: Owner,
    /// Where.
    pub place: Place,
    /// Where, in bytes.
    pub range: Range,
}

/// A call that installs a guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Install {
    /// Where it stands, in bytes; behind everything where it is a function's, which runs when the
    /// module has.
    pub at: u32,
    /// What it guards: a bit for each capability, in the order of [`Capability::ALL`].
    pub guards: u16,
    /// Whether it patches.
    pub patching: bool,
}

impl Install {
    /// Whether it guards this.
    pub fn guards(self, capability: Capability) -> bool {
        self.guards & (1 << capability as u16) != 0
    }
}

/// Something done while a module is imported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The API, or the library.
    pub what: Box<str>,
    /// What guards it: an index into [`Capability::ALL`].
    pub capability: u16,
    /// What is done with it.
    pub done: Done,
    /// Where.
    pub place: Place,
}

/// What is done with something guarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Done {
    /// A socket is opened.
    Opened,
    /// Native code is loaded.
    Loaded,
    /// A reference is kept, and the runtime guard does not see its use.
    Kept,
    /// A reference is kept, and the runtime guard sees its use all the same.
    KeptEnforced,
}

/// A row and column of the text, from 1; the cell of a notebook.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Place {
    /// The row.
    pub row: u32,
    /// The column.
    pub column: u32,
    /// The code cell, from 1; 0 in what is no notebook.
    pub cell: u32,
}

/// What a name stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Thing {
    /// Not known.
    #[default]
    Unknown,
    /// Something a rule knows.
    Api(NameId),
    /// An object of a class a rule knows.
    ApiObject(NameId),
    /// A function of this file.
    Function(u32),
    /// A class of this file.
    Class(u32),
    /// An object of a class of this file.
    Object(u32),
    /// What a way through another file leads to.
    Way(Origin),
    /// A list or the like.
    Items(#[serde(deserialize_with = "nested")] Box<[Thing]>),
    /// A table with literal keys.
    Table(#[serde(deserialize_with = "nested")] Box<[(Box<str>, Thing)]>),
    /// One of these.
    Either(#[serde(deserialize_with = "nested")] Box<[Thing]>),
}

/// A function, method or lambda.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct Function {
    /// What calling it gives.
    pub returned: Thing,
    /// Reading it as an attribute calls it.
    pub property: bool,
    /// What only a call graph wants to know of it.
    pub called: Option<Box<Called>>,
}

/// What a call graph wants to know of a function.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct Called {
    /// `__qualname__` (PEP 3155): `Client.send.<locals>.retry`.
    pub name: Box<str>,
    /// Where it is defined.
    pub place: Place,
    /// The class it is a method of.
    pub class: Option<u32>,
    /// Whether it calls what is passed to it.
    pub calls_parameter: bool,
    /// The edges of calls that it hands that on to.
    pub hands_on: Vec<u32>,
    /// Whether it returns what is passed to it.
    pub gives_back: bool,
    /// Whether its body was looked at: not where a loop's first round defined it.
    pub looked_at: bool,
}

impl Function {
    /// What a call graph wants to know of it; nothing much where none was asked for.
    pub fn called(&self) -> &Called {
        static NOTHING: LazyLock<Called> = LazyLock::new(Called::default);
        self.called.as_deref().unwrap_or(&NOTHING)
    }
}

/// A class.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct Class {
    /// `__qualname__`.
    pub name: Box<str>,
    /// Where it is defined.
    pub place: Place,
    /// Its bases, in order.
    pub bases: Vec<Thing>,
    /// What its body binds, and what is assigned to attributes of its objects.
    pub members: Vec<(Box<str>, Thing)>,
}

/// Who does something: the code of a module as it is imported, or a function when it is called.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Owner(u32);

impl Owner {
    /// The code of the module outside of functions.
    pub const MODULE: Self = Self(0);

    /// The code of the module below `if __name__ == "__main__"`: not run when it is imported.
    pub const MAIN: Self = Self(u32::MAX);

    /// Whether it runs when the module is run as a script, outside of functions.
    pub fn is_script(self) -> bool {
        self == Self::MODULE || self == Self::MAIN
    }

    /// A function by its number.
    pub const fn function(number: u32) -> Self {
        Self(number + 1)
    }

    /// The function's number, if it is one.
    pub const fn as_function(self) -> Option<u32> {
        match self {
            Self::MODULE | Self::MAIN => None,
            Self(number) => Some(number - 1),
        }
    }
}

/// A step from one function to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// Who goes it.
    pub owner: Owner,
    /// How.
    pub kind: EdgeKind,
    /// Where to.
    pub to: Callee,
    /// Where it stands.
    pub place: Place,
}

/// How one function leads to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EdgeKind {
    /// Calls it.
    Call,
    /// Reads it from an object: calls it if it is a property.
    Read,
    /// Calls what a decorator made of it.
    Made,
    /// Calls it if there is such a method: `with` and loops do.
    Implied,
    /// Hands it to something that may call it: to the callee of the edge of this number, if that
    /// is known.
    Pass(Option<u32>),
    /// Imports a module.
    Import,
}

/// What is called.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Callee {
    /// A function of this file.
    Function(u32),
    /// A class of this file: an object of it is made.
    Class(u32),
    /// A method of an object of a class of this file.
    Method {
        /// The class.
        class: u32,
        /// The method's name.
        name: Box<str>,
        /// Whether it is of this class for certain, not of a subclass.
        exact: bool,
    },
    /// A method of the object the calling method belongs to.
    OwnMethod {
        /// The class the calling method is defined in.
        class: u32,
        /// The method's name.
        name: Box<str>,
    },
    /// A method further up than the class the calling method is defined in.
    SuperMethod {
        /// That class.
        class: u32,
        /// The method's name.
        name: Box<str>,
    },
    /// What a way through another file leads to.
    Way(Origin),
}

/// Calls of a function that nobody knows where they lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unresolved {
    /// Who makes them.
    pub owner: Owner,
    /// The first.
    pub place: Place,
    /// How many.
    pub count: u32,
}
