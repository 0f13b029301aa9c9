//! Branches: what one changed, taken back and joined with what the others changed.

use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::{Binding, Change, Name, Place, ScopeId, Scopes};
use crate::resolve::budget;
use crate::resolve::value::Value;

/// What a branch changed, taken back so that another branch can start from the same state.
#[derive(Clone, Debug, Default)]
pub struct Delta<'a> {
    changes: Vec<(ScopeId, &'a str, Option<Binding<'a>>)>,
}

impl Delta<'_> {
    /// Whether nothing was changed.
    pub const fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// What it costs to make its changes again: each is some bindings copied and kept.
    const fn steps(&self) -> usize {
        self.changes.len() * 4
    }
}

/// Where a journal stood when a branch began.
#[derive(Clone, Copy, Debug)]
pub struct Mark(usize);

/// The branches open at some point.
#[derive(Debug)]
pub struct Branches<'a> {
    journal: Vec<Change<'a>>,
    open: u32,
}

/// Where a name stands in a list: looked for in the list itself while that is short.
#[derive(Debug, Default)]
struct Index<'a> {
    length: usize,
    places: FxHashMap<Place<'a>, usize>,
}

impl<'a> Index<'a> {
    const SHORT: usize = 12;

    fn find(&self, key: &Place<'a>, mut list: impl Iterator<Item = Place<'a>>) -> Option<usize> {
        if self.length <= Self::SHORT {
            list.position(|other| other == *key)
        } else {
            self.places
                .get(key)
                .copied()
                .or_else(|| list.take(Self::SHORT).position(|other| other == *key))
        }
    }

    fn insert(&mut self, key: Place<'a>, at: usize) {
        if self.length >= Self::SHORT {
            self.places.insert(key, at);
        }
        self.length += 1;
    }
}

impl<'a> Scopes<'a> {
    /// Leave the branches that are open, to look at something that is in none of them.
    pub fn leave_branches(&mut self) -> Branches<'a> {
        Branches {
            journal: std::mem::take(&mut self.journal),
            open: std::mem::take(&mut self.open_branches),
        }
    }

    /// Return to them.
    pub fn return_to_branches(&mut self, branches: Branches<'a>) {
        self.journal = branches.journal;
        self.open_branches = branches.open;
    }

    /// Begin a branch.
    pub fn open(&mut self) -> Mark {
        self.open_branches += 1;
        Mark(self.journal.len())
    }

    /// End a branch and take back what it changed.
    pub fn take(&mut self, mark: Mark) -> Delta<'a> {
        self.open_branches -= 1;
        let mut delta = Delta::default();
        let mut index = Index::default();
        while self.journal.len() > mark.0 {
            let Some(change) = self.journal.pop() else { break };
            let names = &mut self.all[change.scope.0 as usize].names;
            let after = match change.before {
                Some(before) => names.insert(Name::new(change.name), before),
                None => names.remove(&Name::new(change.name)),
            };
            // The last change of a name is met first, and says what it came to.
            let key = (change.scope, change.name);
            let known = index.find(&key, delta.changes.iter().map(|(s, n, _)| (*s, *n)));
            if known.is_none() {
                index.insert(key, delta.changes.len());
                delta.changes.push((change.scope, change.name, after));
            }
        }
        delta
    }

    /// Make a branch's changes again.
    pub fn apply(&mut self, delta: &Delta<'a>) {
        if budget::spend(delta.steps()) {
            return;
        }
        for (scope, name, binding) in &delta.changes {
            self.set(*scope, name, binding.clone());
        }
    }

    /// Note a branch that leads elsewhere: what it bound, code called from it has seen.
    pub fn abandon(&mut self, delta: &Delta<'a>) {
        if budget::spend(delta.steps()) {
            return;
        }
        for (scope, name, after) in &delta.changes {
            let past = after.as_ref().and_then(|b| b.past.as_deref()).cloned();
            let value = after.as_ref().map(|b| b.value.clone());
            let values: Vec<_> = value.into_iter().chain(past).collect();
            self.note_elsewhere(*scope, name, Value::either(values));
        }
    }

    /// Control may come here from anywhere in a branch: before what it binds, or after.
    pub fn weaken(&mut self, delta: &Delta<'a>) {
        if budget::spend(delta.steps()) {
            return;
        }
        for (scope, name, after) in &delta.changes {
            let before = self.own(*scope, name).cloned();
            let alias_at = [&before, after].into_iter().flatten().find_map(|b| b.alias_at);
            let mut ways = Vec::with_capacity(4);
            let mut past = Vec::new();
            for binding in [before, after.clone()] {
                match binding {
                    Some(binding) => {
                        // It may have been something else on the way.
                        let earlier = binding.past.as_deref().cloned();
                        ways.push(binding.value);
                        ways.extend(earlier.iter().cloned());
                        past.extend(earlier);
                    }
                    None => ways.extend(self.unbound(*scope, name)),
                }
            }
            if !ways.is_empty() {
                let value = Value::either(ways);
                let past = (!past.is_empty()).then(|| Rc::new(Value::either(past)));
                self.set(*scope, name, Some(Binding { value, alias_at, past }));
            }
        }
    }

    /// Make those of a branch's changes that bind what nothing else does.
    pub fn apply_unbound(&mut self, delta: &Delta<'a>) {
        if budget::spend(delta.steps()) {
            return;
        }
        for (scope, name, binding) in &delta.changes {
            if self.own(*scope, name).is_none() && self.builtin(*scope, name).is_none() {
                self.set(*scope, name, binding.clone());
            }
        }
    }

    /// Whether a loop's body puts into a name what was not there before, so that a second round
    /// through it sees something else. `read` are the names it has read without a binding.
    pub fn differs(&self, delta: &Delta<'a>, read: &[&str]) -> bool {
        if budget::spend(delta.steps()) {
            return false;
        }
        delta.changes.iter().any(|(scope, name, after)| {
            let Some(after) = after else { return false };
            let Some(before) = self.own(*scope, name) else {
                return !after.value.is_unknown() && read.contains(name);
            };
            let joined = Value::either([before.value.clone(), after.value.clone()]);
            let known = |one: &Value<'a>| before.value.each().iter().any(|b| b.same(one));
            before.value.is_exact() && !joined.same_options(&before.value)
                || joined.each().iter().any(|one| !one.is_unknown() && !known(one))
        })
    }

    /// Join branches that all start from the present state; with `fall_through`, the present
    /// state is one of the ways too.
    pub fn merge(&mut self, branches: Vec<Delta<'a>>, fall_through: bool) {
        let ways = branches.len() + usize::from(fall_through);
        if ways == 1 {
            for delta in branches {
                self.apply(&delta);
            }
            return;
        }
        if branches.iter().all(|delta| delta.changes.is_empty())
            || budget::spend(branches.iter().map(Delta::steps).sum())
        {
            return;
        }
        let mut joined: Vec<(Place<'a>, Vec<Option<Binding<'a>>>)> = Vec::new();
        let mut index = Index::default();
        for delta in branches {
            for (scope, name, after) in delta.changes {
                let key = (scope, name);
                let known = index.find(&key, joined.iter().map(|(key, _)| *key));
                if let Some((_, bindings)) = known.and_then(|at| joined.get_mut(at)) {
                    bindings.push(after);
                } else {
                    index.insert(key, joined.len());
                    joined.push((key, vec![after]));
                }
            }
        }
        for (key, mut bindings) in joined {
            if bindings.len() < ways {
                bindings.push(self.own(key.0, key.1).cloned());
            }
            let alias_at = bindings.iter().flatten().find_map(|b| b.alias_at);
            let past = bindings.iter().flatten().filter_map(|b| b.past.as_deref().cloned());
            let past: Vec<_> = past.collect();
            let past = (!past.is_empty()).then(|| Rc::new(Value::either(past)));
            // Unbound in one way and bound in another: what it is bound to is all there is, but
            // for the builtins.
            let unbound = bindings.iter().any(Option::is_none);
            let builtin = if unbound { self.unbound(key.0, key.1) } else { None };
            let values = bindings.into_iter().flatten().map(|b| b.value);
            let value = Value::either(values.chain(builtin));
            self.set(key.0, key.1, Some(Binding { value, alias_at, past }));
        }
    }
}
