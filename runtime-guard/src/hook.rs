//! From an audit event to a verdict.
//!
//! Most events leave at [`wanted`]: no rule names them, or no open policy guards what they tell.
//! The others are read into deeds ([`crate::events`]) and each deed is put to every open policy.
//! A deed that a policy cannot decide although everything that can be known is known (a host that
//! is none, an address of an unknown kind) is denied: the guard fails closed.

use std::sync::Arc;

use hermetic_policy::pattern::program::SHELL;
use hermetic_policy::{Capability, ResolvedPath, Rule, Verb, Verdict, pattern, rules};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::arguments::EventArgs;
use crate::deed::{Deed, Object, PathObject, PathPlace, Read};
use crate::denied::Denial;
use crate::events::{self, EVENTS};
use crate::ffi::OwnWork;
use crate::resolve;
use crate::scope::{self, Active};
use crate::value::{Args as _, Value, at};
use crate::{calls, code, exempt, imports, native, protect};

/// The event's place in [`EVENTS`], if any open policy may object to it.
pub fn wanted(name: &[u8]) -> Option<usize> {
    let event = events::find(name)?;
    scope::is_interesting(event).then_some(event)
}

/// Judge an event.
pub fn on_event(index: usize, tuple: &Bound<'_, PyTuple>) -> PyResult<()> {
    let active = scope::active();
    let (Some(active), Some(event)) = (active.as_ref(), EVENTS.get(index)) else { return Ok(()) };
    let args = &mut EventArgs::new(tuple);
    args.read();
    let args = &*args;
    if !matches!(event.read, Read::Special) {
        let read = Reading { active, api: event.name, rules: events::rules_of(index) };
        return event.read.each(args, |deed| read.judge(args.py(), deed));
    }
    let rule = events::rule_for(index, None);
    let read = Reading { active, api: event.name, rules: events::rules_of(index) };
    match (event.name, rule) {
        ("object.__setattr__" | "object.__delattr__", _) => protect::on_attribute(active, args),
        ("import", _) => imports::on_event(active, args),
        ("compile" | "exec", Some(_)) => code::on_event(&read, args),
        ("marshal.load" | "marshal.loads" | "pickle.find_class", Some(_)) => {
            code::on_loading(&read, args)
        }
        ("code.__new__", Some(_)) => {
            if exempt::may_make_code(args.py()) {
                Ok(())
            } else {
                read.plain(args.py())
            }
        }
        ("gc.get_objects" | "gc.get_referents" | "gc.get_referrers", Some(_)) => {
            if active.hides_in_heap() || native::is_closable() {
                read.plain(args.py())
            } else {
                Ok(())
            }
        }
        ("glob.glob/2", Some(_)) => match args.value(at(2)) {
            // With a folder of its own the pattern starts there; the walk itself is judged.
            Value::None | Value::Absent => {
                Read::Pattern(at(0)).each(args, |deed| read.judge(args.py(), deed))
            }
            _ => Ok(()),
        },
        // Only with limits is it a change.
        ("resource.prlimit", Some(_)) => match args.value(at(2)) {
            Value::None | Value::Absent => Ok(()),
            _ => read.plain(args.py()),
        },
        (_, Some(_)) => read.plain(args.py()),
        (_, None) => Ok(()),
    }
}

/// What is needed to judge the deeds of one event or call.
pub struct Reading<'a> {
    /// The open policies.
    pub active: &'a Arc<Active>,
    /// The event or function.
    pub api: &'static str,
    /// The rules that name it.
    pub rules: &'a [&'static Rule],
}

impl Reading<'_> {
    /// Judge an act without an operand.
    pub fn plain(&self, py: Python<'_>) -> PyResult<()> {
        self.judge(py, Deed { verb: None, object: Object::Nothing })
    }

    /// The rule for an act of that verb, and the act's verb.
    fn rule(&self, verb: Option<Verb>) -> Option<(&'static Rule, Verb)> {
        let rule = verb
            .and_then(|verb| self.rules.iter().find(|rule| rule.verb == verb))
            .or_else(|| self.rules.first())?;
        Some((rule, verb.unwrap_or(rule.verb)))
    }

    /// Judge a deed.
    pub fn judge(&self, py: Python<'_>, deed: Deed<'_>) -> PyResult<()> {
        if self.api == "socket.bind"
            && let Object::Unix(path) = &deed.object
            && !path.is_empty()
            && !path.starts_with('\0')
            && let Some(rule) = rules::find("file-create")
        {
            let place = PathPlace::Text(path.clone());
            let path = PathObject { place, folder: None, link_itself: true };
            self.put(py, rule, Verb::WriteFile, &Object::Path(path))?;
        }
        if self.api == "os.system" && self.active.allows_programs() {
            // A shell reads what it is given.
            let object = Object::Name(SHELL.into());
            let Some((rule, verb)) = self.rule(deed.verb) else { return Ok(()) };
            return self.put(py, rule, verb, &object);
        }
        let Some((rule, verb)) = self.rule(deed.verb) else { return Ok(()) };
        let deed = at_open_folder(deed, self.api);
        if self.api == "open"
            && matches!(verb, Verb::ReadFile | Verb::WriteFile)
            && exempt::is_null_device(&deed.object)
        {
            return Ok(());
        }
        if self.api == "open" && verb == Verb::ReadFile && is_settled_later(self.active, &deed) {
            return Ok(());
        }
        if let Object::Path(path) = &deed.object
            && let PathPlace::Text(text) = &path.place
            && text.contains("proc")
        {
            crate::proc::judge(
                py,
                self.active,
                self.api,
                verb,
                &resolve::with_system(&deed.object),
            )?;
        }
        self.put(py, rule, verb, &deed.object)
    }

    /// Put an act to every open policy.
    pub fn put(
        &self,
        py: Python<'_>,
        rule: &'static Rule,
        verb: Verb,
        object: &Object<'_>,
    ) -> PyResult<()> {
        if OwnWork::is_going_on() {
            return Ok(());
        }
        let mut resolved = None;
        for open in &self.active.open {
            let decision = resolve::decide(&open.policy, verb, object, &mut resolved);
            let why = match decision.verdict() {
                Verdict::Allow => continue,
                Verdict::Deny(why) | Verdict::Undecided(why) => why,
            };
            if exempt::is_exempt(py, self, verb, object)? {
                return Ok(());
            }
            if verb == Verb::Connect {
                calls::note_refusal();
            }
            let name = resolved.as_ref().and_then(|exact| resolve::looked_up(verb, exact));
            let operand = shown(object);
            return Err(Denial { rule, verb, why, api: self.api, operand, name }.raise(py));
        }
        Ok(())
    }

    /// Whether any open policy guards this capability.
    pub fn guards(&self, capability: Capability) -> bool {
        self.active.guards(capability)
    }
}

/// `open` says nothing of the folder that `os.open` starts from.
fn at_open_folder<'a>(mut deed: Deed<'a>, api: &str) -> Deed<'a> {
    if api == "open"
        && let Object::Path(path) = &mut deed.object
    {
        path.folder = calls::open_folder();
    }
    deed
}

/// Whether reading a file can wait to be judged until it is open: its path leads below every
/// root as it is written, or cannot be read here, and what was opened will be looked at.
fn is_settled_later(active: &Active, deed: &Deed<'_>) -> bool {
    if !calls::is_judged_later() || !active.has_root() {
        return false;
    }
    let Object::Path(path) = &deed.object else { return false };
    match &path.place {
        PathPlace::Opaque => true,
        PathPlace::Descriptor(_) => false,
        PathPlace::Text(text) => ResolvedPath::lexical(text).is_some_and(|path| {
            active.roots().all(|root| pattern::path::contains(root, path.as_str()))
        }),
    }
}

/// The operand as the program spells it.
fn shown(object: &Object<'_>) -> Option<String> {
    match object {
        Object::Nothing => None,
        Object::Name(name) => Some(name.clone().into_owned()),
        Object::Path(path) => match &path.place {
            PathPlace::Text(text) => Some(text.clone().into_owned()),
            PathPlace::Descriptor(number) => {
                Some(resolve::descriptor_path(*number).unwrap_or_else(|| number.to_string()))
            }
            PathPlace::Opaque => None,
        },
        Object::Host(host, None) => Some(host.clone().into_owned()),
        Object::Host(host, Some(port)) if host.contains(':') => Some(format!("[{host}]:{port}")),
        Object::Host(host, Some(port)) => Some(format!("{host}:{port}")),
        Object::Unix(path) => Some(path.replace('\0', "@")),
        Object::Url(url) => Some(url.clone().into_owned()),
    }
}
