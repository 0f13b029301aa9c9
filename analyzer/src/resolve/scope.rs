//! Scopes, and which value a name has at a point of the program.
//!
//! Module and class bodies run in order, so a name has the value last assigned; branches are
//! joined. Function bodies are looked at after the module's end, when every module-level name is
//! bound, which is when they can run. To join branches without copying scopes, changes are kept
//! in a journal while a branch is open.

use std::hash::{BuildHasher as _, Hash, Hasher};
use std::rc::Rc;

use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};

use super::budget;
use super::names::{NAMES, NameId, NameTable};
use super::value::Value;
use crate::syntax::TextRange;

mod branches;

pub use branches::{Branches, Delta, Mark};

/// A scope by its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ScopeId(u32);

/// What kind of block a scope is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeKind {
    /// The file.
    Module,
    /// A class body: not seen from the functions in it.
    Class,
    /// A function or lambda body.
    Function,
    /// A comprehension: a function of its own, as far as names go.
    Comprehension,
    /// The type parameters of a function or class (PEP 695). A class around it is seen from it.
    TypeParameters,
}

/// A name's value, and where it became a function-local alias of a patch point.
#[derive(Clone, Debug, Default)]
pub struct Binding<'a> {
    /// What it is.
    pub value: Value<'a>,
    /// The assignment or import that made it an alias of a patch point, while only this function
    /// knows of it.
    pub alias_at: Option<TextRange>,
    /// What else it has been before: code that runs at another time may see that.
    pub past: Option<Rc<Value<'a>>>,
}

impl<'a> From<Value<'a>> for Binding<'a> {
    fn from(value: Value<'a>) -> Self {
        Self { value, alias_at: None, past: None }
    }
}

#[derive(Debug)]
struct Scope<'a> {
    kind: ScopeKind,
    parent: Option<ScopeId>,
    /// Whether no other function or class has had a chance to see its names.
    unseen: bool,
    names: FxHashMap<Name<'a>, Binding<'a>>,
    rare: Rare<'a>,
}

/// What few scopes have.
#[derive(Debug, Default)]
struct Rare<'a> {
    globals: FxHashSet<&'a str>,
    nonlocals: FxHashSet<&'a str>,
    /// What names were before they were deleted, or in a branch that leads elsewhere.
    elsewhere: FxHashMap<Name<'a>, Value<'a>>,
    /// Constants first bound inside a loop: where this round does not bind them, the round before
    /// may have, to something else.
    carried: FxHashSet<Name<'a>>,
    /// Names read ahead of the functions that change them.
    settled: FxHashSet<Name<'a>>,
}

impl<'a> Scope<'a> {
    fn own<'s>(&'s self, name: Name<'s>) -> Option<&'s Binding<'a>> {
        let names: &FxHashMap<Name<'s>, Binding<'a>> = &self.names;
        names.get(&name)
    }

    fn elsewhere<'s>(&'s self, name: Name<'s>) -> Option<&'s Value<'a>> {
        let elsewhere: &FxHashMap<Name<'s>, Value<'a>> = &self.rare.elsewhere;
        if elsewhere.is_empty() { None } else { elsewhere.get(&name) }
    }
}

#[derive(Debug)]
struct Change<'a> {
    scope: ScopeId,
    name: &'a str,
    before: Option<Binding<'a>>,
}

/// How a name was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// In the same function, class body or module.
    Own,
    /// In an enclosing function.
    Enclosing,
    /// In the module, from inside a function or class.
    Module,
}

/// A name, hashed once for all the scopes it is looked for in.
#[derive(Clone, Copy, Debug)]
struct Name<'a> {
    text: &'a str,
    hash: u64,
}

impl<'a> Name<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, hash: FxBuildHasher.hash_one(text) }
    }
}

impl PartialEq for Name<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Name<'_> {}

impl Hash for Name<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

/// A name of a scope.
type Place<'a> = (ScopeId, &'a str);

/// All scopes of one file.
#[derive(Debug)]
pub struct Scopes<'a> {
    all: Vec<Scope<'a>>,
    journal: Vec<Change<'a>>,
    open_branches: u32,
    /// The maps of scopes that are gone, for those to come.
    spare: Vec<FxHashMap<Name<'a>, Binding<'a>>>,
    /// Loops around the statement that is looked at.
    pub loops: u32,
    /// Whether something was set from outside of its block, or on an object, that others may see.
    pub news: bool,
    builtins: Option<NameId>,
}

impl Default for Scopes<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> Scopes<'a> {
    /// The file's own scope.
    pub const MODULE: ScopeId = ScopeId(0);

    /// One empty module scope.
    pub fn new() -> Self {
        let mut scopes = Self {
            all: Vec::new(),
            journal: Vec::new(),
            open_branches: 0,
            spare: Vec::new(),
            loops: 0,
            news: false,
            builtins: NAMES.member(NameTable::ROOT, "builtins"),
        };
        scopes.push(ScopeKind::Module, None);
        scopes
    }

    /// A new scope inside `parent`.
    pub fn push(&mut self, kind: ScopeKind, parent: Option<ScopeId>) -> ScopeId {
        let id = ScopeId(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
        if matches!(kind, ScopeKind::Function | ScopeKind::Class) {
            self.show(parent);
        }
        self.all.push(Scope {
            kind,
            parent,
            unseen: !matches!(kind, ScopeKind::Module | ScopeKind::Class),
            names: self.spare.pop().unwrap_or_default(),
            rare: Rare::default(),
        });
        id
    }

    /// A function has been looked at. If nothing else can see its names, they are gone, and those of
    /// the comprehensions in it.
    pub fn leave(&mut self, id: ScopeId) {
        // Another function may have had its turn meanwhile.
        if self.all.get(id.0 as usize..).is_some_and(|scopes| scopes.iter().all(|s| s.unseen)) {
            let gone = self.all.drain(id.0 as usize..);
            self.spare.extend(gone.map(|mut scope| {
                scope.names.clear();
                scope.names
            }));
        }
    }

    /// Note that a function or class inside these scopes may see their names from now on.
    pub fn show(&mut self, mut id: Option<ScopeId>) {
        while let Some(scope) = id.and_then(|id| self.all.get_mut(id.0 as usize)) {
            if !std::mem::replace(&mut scope.unseen, false) {
                break;
            }
            id = scope.parent;
        }
    }

    /// What kind of block it is.
    pub fn kind(&self, id: ScopeId) -> ScopeKind {
        self.all[id.0 as usize].kind
    }

    /// The function, class or module a scope belongs to: past comprehensions.
    pub fn block(&self, mut id: ScopeId) -> ScopeId {
        while matches!(self.kind(id), ScopeKind::Comprehension | ScopeKind::TypeParameters) {
            match self.all[id.0 as usize].parent {
                Some(parent) => id = parent,
                None => break,
            }
        }
        id
    }

    /// Note that a name is read ahead of the functions that change it; whether for the first time.
    pub fn settle(&mut self, id: ScopeId, name: &'a str) -> bool {
        self.all[id.0 as usize].rare.settled.insert(Name::new(name))
    }

    /// `global name`.
    pub fn declare_global(&mut self, id: ScopeId, name: &'a str) {
        self.all[id.0 as usize].rare.globals.insert(name);
    }

    /// `nonlocal name`.
    pub fn declare_nonlocal(&mut self, id: ScopeId, name: &'a str) {
        self.all[id.0 as usize].rare.nonlocals.insert(name);
    }

    /// The scope in which binding `name` in `id` binds it.
    pub fn target(&self, id: ScopeId, name: &str) -> ScopeId {
        let scope = &self.all[id.0 as usize];
        if scope.rare.globals.contains(name) {
            return Self::MODULE;
        }
        if scope.rare.nonlocals.contains(name) {
            let mut at = scope.parent;
            while let Some(up) = at {
                budget::spend(1);
                let scope = &self.all[up.0 as usize];
                if scope.kind == ScopeKind::Function && scope.names.contains_key(&Name::new(name)) {
                    return up;
                }
                at = scope.parent;
            }
        }
        id
    }

    /// Bind a name, or unbind it.
    pub fn bind(&mut self, id: ScopeId, name: &'a str, binding: Option<Binding<'a>>) {
        let target = self.target(id, name);
        if target == id {
            self.set(target, name, binding);
        } else {
            // Nobody knows when this function runs: what was there before may be there still.
            self.bind_maybe(target, name, binding);
        }
    }

    /// Bind a name, or leave it as it is: one way or the other.
    fn bind_maybe(&mut self, id: ScopeId, name: &'a str, binding: Option<Binding<'a>>) {
        let before = self.own(id, name).map(|b| b.value.clone()).or_else(|| self.builtin(id, name));
        let Some(mut binding) = binding else {
            self.note_elsewhere(id, name, Value::Unknown);
            return;
        };
        // A branch that is open here has nothing to do with it, and must not take it back.
        self.note_elsewhere(id, name, binding.value.clone());
        self.news |= !binding.value.is_unknown()
            && !before.as_ref().is_some_and(|before| before.same_options(&binding.value));
        if let Some(before) = before {
            binding.value = Value::either([before, binding.value]);
        }
        self.set(id, name, Some(binding));
    }

    /// What a name that is not bound here may be: a builtin, or what a loop has left.
    fn unbound(&self, id: ScopeId, name: &'a str) -> Option<Value<'a>> {
        let carried = &self.all[id.0 as usize].rare.carried;
        let carried = !carried.is_empty() && carried.contains(&Name::new(name));
        let left = carried.then_some(Value::Unknown);
        match (self.builtin(id, name), left) {
            (Some(builtin), Some(left)) => Some(Value::either([builtin, left])),
            (builtin, left) => builtin.or(left),
        }
    }

    /// What a name that is not bound here is, if it is a builtin.
    fn builtin(&self, id: ScopeId, name: &str) -> Option<Value<'a>> {
        if self.kind(id) == ScopeKind::Function {
            return None;
        }
        NAMES.member(self.builtins?, name).map(Value::Name)
    }

    fn set(&mut self, id: ScopeId, name: &'a str, mut binding: Option<Binding<'a>>) {
        let deleted = binding.is_none();
        let key = Name::new(name);
        let scope = &mut self.all[id.0 as usize];
        // In a straight line, nobody but the function itself can have seen what a name was.
        let unseen = scope.unseen && self.open_branches == 0;
        if let Some(binding) = binding.as_mut().filter(|_| !unseen) {
            let before = scope.names.get(&key);
            let replaced = before.map(|b| &b.value).filter(|before| !before.same(&binding.value));
            let past = before.and_then(|b| b.past.as_deref());
            let elsewhere = scope.elsewhere(key);
            let other = replaced.is_some() || past.is_some() || elsewhere.is_some();
            if other {
                let values = [replaced, past, elsewhere, binding.past.as_deref()];
                let past = Value::either(values.into_iter().flatten().cloned());
                binding.past = Some(Rc::new(past));
            }
        }
        let names = &mut scope.names;
        let first = binding.as_ref().filter(|_| self.loops > 0 && !names.contains_key(&key));
        if first.is_some_and(|binding| binding.value.is_exact()) {
            scope.rare.carried.insert(key);
        }
        let before = match binding {
            Some(binding) => names.insert(key, binding),
            None => names.remove(&key),
        };
        if deleted && let Some(before) = &before {
            let value = before.value.clone();
            self.note_elsewhere(id, name, value);
        }
        if self.open_branches > 0 {
            self.journal.push(Change { scope: id, name, before });
        }
    }

    /// The binding of a name in exactly this scope.
    pub fn own<'s>(&'s self, id: ScopeId, name: &'s str) -> Option<&'s Binding<'a>> {
        self.all[id.0 as usize].own(Name::new(name))
    }

    /// All a name has been, as far as has been seen; `None` if that is one value only.
    pub fn every_value(
        &self,
        id: ScopeId,
        name: &'a str,
        binding: &Binding<'a>,
    ) -> Option<Value<'a>> {
        let elsewhere = self.all[id.0 as usize].elsewhere(Name::new(name));
        let past = binding.past.as_deref();
        if past.is_none() && elsewhere.is_none() {
            return None;
        }
        let values = [Some(&binding.value), past, elsewhere];
        Some(Value::either(values.into_iter().flatten().cloned()))
    }

    /// What a name of the module was before it was deleted, or is once some function has run.
    pub fn gone_global(&self, name: &'a str) -> Option<Value<'a>> {
        let value = self.all[Self::MODULE.0 as usize].elsewhere(Name::new(name))?;
        let builtin = self.builtin(Self::MODULE, name);
        Some(Value::either(std::iter::once(value.clone()).chain(builtin)))
    }

    fn note_elsewhere(&mut self, id: ScopeId, name: &'a str, value: Value<'a>) {
        self.all[id.0 as usize]
            .rare
            .elsewhere
            .entry(Name::new(name))
            .and_modify(|all| *all = Value::either([std::mem::take(all), value.clone()]))
            .or_insert(value);
    }

    /// The names bound in exactly this scope.
    pub fn names(&self, id: ScopeId) -> impl Iterator<Item = (&'a str, &Binding<'a>)> {
        self.all[id.0 as usize].names.iter().map(|(name, binding)| (name.text, binding))
    }

    /// Find a name from `id` outward as Python does; `None` means a builtin or nothing.
    pub fn find<'s>(
        &'s self,
        id: ScopeId,
        name: &'s str,
    ) -> Option<(&'s Binding<'a>, ScopeId, Reach)> {
        let mut at = Some(id);
        let key = Name::new(name);
        let mut walked = 0_usize;
        let (mut left_block, mut left_function) = (false, false);
        while let Some(here) = at {
            walked += 1;
            if walked.is_multiple_of(64) {
                budget::spend(64);
            }
            let scope = &self.all[here.0 as usize];
            // A class body is seen only from itself.
            let visible = !(left_block && scope.kind == ScopeKind::Class);
            let declared_global =
                !scope.rare.globals.is_empty() && scope.rare.globals.contains(name);
            if declared_global {
                let binding = self.own(Self::MODULE, name)?;
                return Some((binding, Self::MODULE, Reach::Module));
            }
            if visible && let Some(binding) = scope.own(key) {
                let reach = match scope.kind {
                    _ if !left_function => Reach::Own,
                    ScopeKind::Module => Reach::Module,
                    _ => Reach::Enclosing,
                };
                return Some((binding, here, reach));
            }
            left_block |= scope.kind != ScopeKind::TypeParameters;
            left_function |= matches!(scope.kind, ScopeKind::Function | ScopeKind::Class);
            at = scope.parent;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value_of(scopes: &Scopes<'_>, name: &str) -> Option<String> {
        let (binding, ..) = scopes.find(Scopes::MODULE, name)?;
        Some(format!("{:?}", binding.value))
    }

    #[test]
    fn a_branch_leaves_no_trace_until_it_is_merged() {
        let mut scopes = Scopes::new();
        scopes.bind(Scopes::MODULE, "x", Some(Value::Int(1).into()));
        let mark = scopes.open();
        scopes.bind(Scopes::MODULE, "x", Some(Value::Int(2).into()));
        scopes.bind(Scopes::MODULE, "y", Some(Value::None.into()));
        let delta = scopes.take(mark);
        assert_eq!(value_of(&scopes, "x").as_deref(), Some("Int(1)"));
        assert_eq!(value_of(&scopes, "y"), None);
        scopes.merge(vec![delta], true);
        assert_eq!(value_of(&scopes, "x").as_deref(), Some("Unknown"));
        assert_eq!(value_of(&scopes, "y").as_deref(), Some("None"));
    }

    #[test]
    fn a_class_body_is_not_seen_from_its_functions() {
        let mut scopes = Scopes::new();
        let class = scopes.push(ScopeKind::Class, Some(Scopes::MODULE));
        let method = scopes.push(ScopeKind::Function, Some(class));
        scopes.bind(class, "x", Some(Value::None.into()));
        assert!(scopes.find(class, "x").is_some());
        assert!(scopes.find(method, "x").is_none());
    }
}
