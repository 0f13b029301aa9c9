//! Integrity: ways around a guard.

use crate::act::Verb;
use crate::capability::Capability;
use crate::rule::Trigger::{self, Construct};
use crate::rule::{Construct as Form, Level, Reported, Rule, TypeFact};

/// This family's rules.
pub static RULES: &[&Rule] = &[&CAPTURED_REFERENCE];

/// A reference to a guarded API taken and kept, so that a patch misses it.
pub static CAPTURED_REFERENCE: Rule = Rule {
    name: "captured-reference",
    capability: Capability::Integrity,
    level: Level::Warn,
    since: "0.1.0",
    summary: "a reference to a guarded API is kept past any patch of it",
    verb: Verb::Keep,
    reported: Reported::Always,
    page: include_str!("../../rules/captured-reference.md"),
    triggers: &[Construct(Form::KeptReference)] as &[Trigger],
};

/// No names beyond the other families'.
pub static TYPE_FACTS: &[TypeFact] = &[];
