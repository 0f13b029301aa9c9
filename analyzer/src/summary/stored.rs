//! Rules and verbs as numbers, good for the code that wrote them and no other.

use std::cell::Cell;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// How deeply things are in things: a few times deeper than they are ever written.
const DEEPEST: u32 = 32;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// What is in a thing. Bytes that nobody wrote may go deeper than any stack.
pub(super) fn nested<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let depth = DEPTH.get();
    if depth >= DEEPEST {
        return Err(D::Error::custom("nested more deeply than anything that is written"));
    }
    DEPTH.set(depth + 1);
    let read = T::deserialize(deserializer);
    DEPTH.set(depth);
    read
}

pub(super) mod rule {
    use std::sync::LazyLock;

    use hermetic_policy::{Rule, rules};
    use rustc_hash::FxHashMap;
    use serde::de::Error as _;
    use serde::ser::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    static ALL: LazyLock<Vec<&'static Rule>> = LazyLock::new(|| rules::all().collect());

    static NUMBERS: LazyLock<FxHashMap<&'static str, u16>> =
        LazyLock::new(|| ALL.iter().map(|rule| rule.name).zip(0..).collect());

    pub(in crate::summary) fn serialize<S: Serializer>(
        rule: &Rule,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match NUMBERS.get(rule.name) {
            Some(number) => serializer.serialize_u16(*number),
            None => Err(S::Error::custom("a rule that is not built in")),
        }
    }

    pub(in crate::summary) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<&'static Rule, D::Error> {
        let number = usize::from(u16::deserialize(deserializer)?);
        ALL.get(number).copied().ok_or_else(|| D::Error::custom("no rule has this number"))
    }
}

pub(super) mod verb {
    use hermetic_policy::Verb;
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub(in crate::summary) fn serialize<S: Serializer>(
        verb: &Verb,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(*verb as u8)
    }

    pub(in crate::summary) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Verb, D::Error> {
        let number = usize::from(u8::deserialize(deserializer)?);
        Verb::ALL.get(number).copied().ok_or_else(|| D::Error::custom("no verb has this number"))
    }
}

#[cfg(test)]
mod tests {
    use hermetic_policy::{Verb, rules};

    use crate::summary::links::Owner;
    use crate::summary::{FoundAct, FoundOperand, Range};

    #[test]
    fn every_rule_and_verb_comes_back() {
        for rule in rules::all() {
            for verb in Verb::ALL {
                let act = FoundAct {
                    rule,
                    verb,
                    target: "os.system".into(),
                    operand: FoundOperand::Name("ls".into()),
                    certain: true,
                    aimed_at_guard: false,
                    owner: Owner::function(300),
                    range: Range { start: 1, end: 300 },
                };
                let bytes = postcard::to_allocvec(&act).expect("written");
                let again: FoundAct = postcard::from_bytes(&bytes).expect("read");
                assert_eq!((again.rule.name, again.verb), (rule.name, verb));
                assert_eq!(format!("{again:?}"), format!("{act:?}"));
            }
        }
    }
}
