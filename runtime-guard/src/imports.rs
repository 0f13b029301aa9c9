//! Imports: by name, and of native code.

use std::sync::{Arc, OnceLock};

use hermetic_policy::{Capability, Rule, Trigger, Verb, Verdict, Why, rules};
use pyo3::prelude::*;

use crate::arguments::{EventArgs, text};
use crate::denied::Denial;
use crate::ffi::OwnWork;
use crate::resolve::{self, Exact};
use crate::scope::{Active, Open};
use crate::{origin, trace, trust};

/// The rule that tells why a module is denied.
fn rule_of(verb: Verb, why: Why) -> Option<&'static Rule> {
    let name = match (verb, why) {
        (Verb::ImportExtension, _) => "native-import",
        (_, Why::SubprocessLibrary) => "subprocess-import",
        (_, Why::DeserialisationLibrary) => "deserialisation-import",
        (_, Why::NativeModule) => "native-ffi",
        _ => "denied-import",
    };
    rules::find(name)
}

/// Judge the import of a module by its name.
pub fn judge(py: Python<'_>, active: &Arc<Active>, name: &str) -> PyResult<()> {
    put(py, active, Verb::Import, name, name)?;
    if !OwnWork::is_going_on()
        && let Some((rule, why, open)) = denied_bridge(active, name)
    {
        let operand = Some(name.to_owned());
        let denial = Denial { rule, verb: rule.verb, why, api: "import", operand, name: None };
        denial.refuse(py, open, || Exact::Name(name.to_owned()))?;
    }
    Ok(())
}

/// Whether any open policy denies the module by its name, or would if it did not only watch.
pub fn denies(active: &Active, name: &str) -> bool {
    let exact = Exact::Name(name.to_owned());
    active.open.iter().any(|open| open.policy.decide(&resolve::act(Verb::Import, &exact)).is_deny())
        || denied_bridge(active, name).is_some()
}

/// Whether any open policy denies the module by its name, and does not only watch.
pub fn refuses(active: &Active, name: &str) -> bool {
    active.open.iter().any(|open| !open.observes) && denies(active, name)
}

/// Modules whose import a rule takes for the act itself: bridges to other languages and debuggers.
fn bridges() -> &'static [(&'static str, &'static Rule)] {
    static BRIDGES: OnceLock<Vec<(&'static str, &'static Rule)>> = OnceLock::new();
    BRIDGES.get_or_init(|| {
        let is_act =
            |rule: &Rule| rule.verb != Verb::Import && rule.capability == Capability::Native;
        rules::all()
            .filter(|rule| is_act(rule))
            .flat_map(|rule| rule.triggers.iter().map(move |trigger| (trigger, rule)))
            .filter_map(|(trigger, rule)| match trigger {
                Trigger::Import(module) => Some((*module, rule)),
                Trigger::Call(_)
                | Trigger::Reference(_)
                | Trigger::Construct(_)
                | Trigger::Literal(_)
                | Trigger::Audit(_)
                | Trigger::Slot(_) => None,
            })
            .collect()
    })
}

/// The rule of a bridge that an open policy denies. A module whose native code may be loaded, by
/// `--allow-native` or as the interpreter's own, may be imported.
fn denied_bridge<'a>(active: &'a Active, name: &str) -> Option<(&'static Rule, Why, &'a Open)> {
    if !active.guards(Capability::Native) {
        return None;
    }
    let covers = |module: &str| {
        name.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let (_, rule) = bridges().iter().find(|(module, _)| covers(module))?;
    let exact = Exact::Name(name.to_owned());
    // Who refuses goes before who watches.
    let mut open: Vec<&Open> = active.open.iter().map(AsRef::as_ref).collect();
    open.sort_by_key(|open| open.observes);
    open.into_iter().find_map(|open| {
        let decide = |verb| open.policy.decide(&resolve::act(verb, &exact));
        match decide(rule.verb).verdict() {
            Verdict::Deny(why) if !decide(Verb::ImportExtension).is_allow() => {
                Some((*rule, why, open))
            }
            _ => None,
        }
    })
}

/// Whether any open policy may deny a module by its name.
pub fn any_denied(active: &Active) -> bool {
    [Capability::Imports, Capability::Native, Capability::Subprocess, Capability::DynamicCode]
        .iter()
        .any(|capability| active.guards(*capability))
}

fn put(
    py: Python<'_>,
    active: &Arc<Active>,
    verb: Verb,
    judged: &str,
    shown: &str,
) -> PyResult<()> {
    if OwnWork::is_going_on() {
        return Ok(());
    }
    let exact = Exact::Name(judged.to_owned());
    for open in &active.open {
        let decision = open.policy.decide(&resolve::act(verb, &exact));
        if let Verdict::Deny(why) | Verdict::Undecided(why) = decision.verdict()
            && let Some(rule) = rule_of(verb, why)
        {
            // What it does with it is judged as ever.
            if why == Why::DeserialisationLibrary && trust::imports_for_itself(py) {
                continue;
            }
            let operand = Some(shown.to_owned());
            let denial = Denial { rule, verb, why, api: "import", operand, name: None };
            denial.refuse(py, open, || exact.clone())?;
        }
    }
    if trace::is_on()
        && any_denied(active)
        && let Some(rule) = rule_of(verb, Why::DeniedImport)
    {
        trace::allowed(py, rule, verb, "import", Some(shown), None);
    }
    Ok(())
}

/// Judge the event `import`: an import statement that finds nothing in `sys.modules`, or the
/// loading of an extension module, which alone gives a path.
pub fn on_event(active: &Arc<Active>, args: &EventArgs<'_, '_>) -> PyResult<()> {
    let py = args.py();
    let Some(name) = args.object(0).and_then(text) else {
        return put(py, active, Verb::Import, "", "");
    };
    judge(py, active, &name)?;
    let Some(path) = args.object(1).filter(|path| !path.is_none()) else { return Ok(()) };
    let path = text(path).map(std::borrow::Cow::into_owned).unwrap_or_default();
    // A standard name stands for the interpreter's own file only.
    if hermetic_policy::modules::is_stdlib(&name) && !is_own_extension(&path) {
        put(py, active, Verb::ImportExtension, &path, &name)
    } else {
        put(py, active, Verb::ImportExtension, &name, &name)
    }
}

/// Whether an extension module's file is one the interpreter came with.
fn is_own_extension(path: &str) -> bool {
    let Some(folders) = origin::folders() else { return false };
    let real = |path: &str| {
        std::path::Path::new(path)
            .canonicalize()
            .map_or_else(|_| path.to_owned(), |real| real.to_string_lossy().into_owned())
    };
    // The folder of the standard library holds them on some builds; its `site-packages` does not.
    let folder_of = |path: &str| path.rsplit_once(['/', '\\']).map(|(folder, _)| folder.to_owned());
    let Some(folder) = folder_of(&real(path)) else { return false };
    [&folders.extensions, &folders.library]
        .into_iter()
        .any(|own| real(own.trim_end_matches(['/', '\\'])) == folder)
}
