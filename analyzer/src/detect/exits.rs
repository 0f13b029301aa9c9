//! Ways out of a block other than its end: what they bound, they take along.

use crate::resolve::scope::Delta;

use super::engine::Engine;

/// How control may leave a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Exits(u8);

impl Exits {
    /// `break` and `continue`: to the end of the loop.
    pub(super) const LOOP: Self = Self(1);
    /// `raise`: to a handler, a `finally`, or behind a `with`.
    pub(super) const RAISE: Self = Self(2);
    /// `return`: through every `finally`.
    pub(super) const RETURN: Self = Self(4);
    /// Any of them.
    pub(super) const ANY: Self = Self(7);

    /// Both.
    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn overlaps(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// A branch that did not come out at its end.
#[derive(Debug)]
pub(super) struct Escaped<'a> {
    delta: Delta<'a>,
    exits: Exits,
}

impl<'a> Engine<'a> {
    /// Run a branch and take back what it changed; `None` if control does not come out of it.
    pub(super) fn way(&mut self, run: impl FnOnce(&mut Self) -> bool) -> Option<Delta<'a>> {
        let outer = std::mem::take(&mut self.exits);
        let mark = self.scopes.open();
        let falls_through = run(self);
        let delta = self.scopes.take(mark);
        let exits = self.exits;
        self.exits = outer.and(exits);
        if falls_through {
            return Some(delta);
        }
        self.scopes.abandon(&delta);
        if !delta.is_empty() || exits.overlaps(Exits::LOOP) {
            self.escaped.push(Escaped { delta, exits });
        }
        None
    }

    /// Run a block that others may be reached from half way; what it changed, taken back, and
    /// whether control comes out of its end.
    pub(super) fn stretch(&mut self, run: impl FnOnce(&mut Self) -> bool) -> (Delta<'a>, bool) {
        let outer = std::mem::take(&mut self.exits);
        let mark = self.scopes.open();
        let falls_through = run(self);
        let delta = self.scopes.take(mark);
        let exits = self.exits;
        self.exits = outer.and(exits);
        if !falls_through && (!delta.is_empty() || exits.overlaps(Exits::LOOP)) {
            self.escaped.push(Escaped { delta: delta.clone(), exits });
        }
        (delta, falls_through)
    }

    /// Evaluate what is evaluated or not: a walrus in it binds or does not.
    pub(super) fn perhaps<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> T {
        let mark = self.scopes.open();
        let result = run(self);
        let delta = self.scopes.take(mark);
        if !delta.is_empty() {
            self.scopes.weaken(&delta);
        }
        result
    }

    /// Run a loop's body, again where it binds what its own beginning then sees otherwise.
    pub(super) fn rounds(&mut self, length: usize, run: impl Fn(&mut Self)) {
        /// `a = b; b = c; c = os.system` takes as many rounds to come round.
        const MOST: u8 = 3;
        let (escaped, unbound) = (self.escaped.len(), self.unbound_here.len());
        self.scopes.loops += 1;
        for round in 1..=MOST {
            let findings = self.findings_mark();
            let (delta, _) = self.stretch(|engine| {
                run(engine);
                true
            });
            let read = self.unbound_here.get(unbound..).unwrap_or_default();
            let late = self.escaped.iter().skip(escaped);
            let differs = self.scopes.differs(&delta, read)
                || late
                    .filter(|e| e.exits.overlaps(Exits::LOOP))
                    .any(|e| self.scopes.differs(&e.delta, read));
            if self.escaped.iter().skip(escaped).any(|e| e.exits.overlaps(Exits::LOOP)) {
                // Control leaves it half way, too.
                self.scopes.weaken(&delta);
                self.arrive(escaped, Exits::LOOP);
            } else {
                self.scopes.merge(vec![delta], true);
            }
            if !differs || round == MOST || self.patience < length {
                break;
            }
            self.patience -= length;
            self.forget_findings(findings);
        }
        self.scopes.loops -= 1;
        if self.scopes.loops == 0 {
            self.unbound_here.clear();
        }
    }

    /// Control may come here by one of these ways from a branch that escaped since `mark`.
    pub(super) fn arrive(&mut self, mark: usize, by: Exits) {
        let escaped = std::mem::take(&mut self.escaped);
        for branch in escaped.iter().skip(mark).filter(|e| e.exits.overlaps(by)) {
            self.scopes.weaken(&branch.delta);
        }
        self.escaped = escaped;
    }
}
