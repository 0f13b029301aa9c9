//! What a run did, where a policy only watches: what `--learn` makes a policy of.
//!
//! An act is kept with where it was done, once for each place; the same act from many places keeps
//! the first of them, since a line of a policy names no more.
//!
//! Children learn, too. They write what is new to a file, a line of JSON each, as it happens: a
//! fork that ends by `os._exit`, or a child that is killed, has told what it did until then. The
//! process that began reads the file when it is asked what was learned.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

use hermetic_policy::least::{Need, Object};
use hermetic_policy::{Endpoint, Host, Rule, Verb, rules};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use serde_json::{Value, json};

use crate::denied::Denial;
use crate::origin::{self, Place};
use crate::resolve::Exact;
use crate::{children, ffi};

/// As many different acts as are kept.
const MOST: usize = 100_000;
/// As many places as are kept of one act.
const MOST_PLACES: usize = 4;

/// What makes acts the same.
type Key = (&'static str, Verb, String, Object, Option<Host>);

/// One act, and where it was done.
#[derive(Debug)]
struct Act {
    rule: &'static Rule,
    verb: Verb,
    api: String,
    object: Object,
    name: Option<Host>,
    places: Vec<Option<Place>>,
}

#[derive(Debug)]
struct Acts {
    numbers: BTreeMap<String, usize>,
    list: Vec<Act>,
    dropped: u64,
}

static ACTS: Mutex<Acts> =
    Mutex::new(Acts { numbers: BTreeMap::new(), list: Vec::new(), dropped: 0 });

/// The file that children write to.
#[derive(Debug)]
struct Journal {
    path: String,
    file: File,
    /// The process that reads it, where that is known.
    reader: Option<u32>,
}

static JOURNAL: Mutex<Option<Journal>> = Mutex::new(None);

/// Learn from children, too, by this file. Who begins it reads it; the others write.
pub fn begin(path: &str, reads: bool) -> std::io::Result<()> {
    let file = OpenOptions::new().append(true).open(path)?;
    let reader = reads.then(std::process::id);
    let journal = Journal { path: path.to_owned(), file, reader };
    *JOURNAL.lock().unwrap_or_else(PoisonError::into_inner) = Some(journal);
    Ok(())
}

/// The file that children are to write to.
pub fn journal() -> Option<String> {
    JOURNAL.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|j| j.path.clone())
}

/// Write a line, in a process that is not the one that reads.
fn tell(line: impl FnOnce() -> Value) {
    let mut journal = JOURNAL.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(journal) = journal.as_mut().filter(|j| j.reader != Some(std::process::id())) {
        let mut text = line().to_string();
        text.push('\n');
        // With one call, so that lines of several processes stay whole; that the file is gone with
        // who reads it must not change what this one may do.
        let _ = journal.file.write_all(text.as_bytes());
    }
}

/// Note a program that nothing is learned from.
pub fn tell_of_program(name: &str) {
    tell(|| json!({"program": name}));
}

/// Take what children wrote.
fn collect() {
    let path = {
        let journal = JOURNAL.lock().unwrap_or_else(PoisonError::into_inner);
        let own = journal.as_ref().filter(|j| j.reader == Some(std::process::id()));
        own.map(|journal| journal.path.clone())
    };
    let Some(text) = path.and_then(|path| std::fs::read_to_string(path).ok()) else { return };
    for line in text.lines() {
        // Half a line is one of a child that was killed.
        let Ok(entry) = serde_json::from_str::<Value>(line) else { continue };
        if let Some(program) = entry["program"].as_str() {
            children::note_unguarded(program.to_owned());
        } else if let Some((rule, key, place)) = told(&entry) {
            ACTS.lock().unwrap_or_else(PoisonError::into_inner).add(rule, key, place);
        }
    }
}

/// An act as a line has it.
fn told(entry: &Value) -> Option<(&'static Rule, Key, Option<Place>)> {
    let text = |key: &str| entry[key].as_str();
    let rule = rules::find(text("rule")?)?;
    let verb = verb_of(text("verb")?)?;
    let port = entry["port"].as_u64().and_then(|port| u16::try_from(port).ok());
    let object = object_of(text("kind")?, text("object"), port)?;
    let name = text("name").and_then(Host::parse);
    let row = entry["row"].as_u64().and_then(|row| u32::try_from(row).ok());
    let place = text("path").zip(row).map(|(path, row)| Place { path: path.to_owned(), row });
    Some((rule, (rule.name, verb, text("api")?.to_owned(), object, name), place))
}

fn verb_of(name: &str) -> Option<Verb> {
    Verb::ALL.into_iter().find(|verb| format!("{verb:?}") == name)
}

fn object_of(kind: &str, text: Option<&str>, port: Option<u16>) -> Option<Object> {
    Some(match (kind, text) {
        ("nothing", _) => Object::Nothing,
        ("host", Some(text)) => Object::Endpoint(Endpoint::Inet { host: Host::parse(text)?, port }),
        ("unix", Some(text)) => Object::Endpoint(Endpoint::Unix(text.to_owned().into())),
        ("path", Some(text)) => Object::Path(text.to_owned()),
        ("name", Some(text)) => Object::Name(text.to_owned()),
        _ => return None,
    })
}

/// The kind of an object, its text and its port, as they are told.
fn parts(object: &Object) -> (&'static str, Option<&str>, Option<u16>) {
    match object {
        Object::Nothing => ("nothing", None, None),
        Object::Endpoint(Endpoint::Inet { host, port }) => ("host", Some(host.as_str()), *port),
        Object::Endpoint(Endpoint::Unix(path)) => ("unix", Some(path.as_ref()), None),
        Object::Path(path) => ("path", Some(path.as_str()), None),
        Object::Name(name) => ("name", Some(name.as_str()), None),
    }
}

/// Note an act that a policy would have denied.
pub fn note(py: Python<'_>, denial: &Denial, exact: Exact) {
    // No object of the main interpreter may be touched in another one.
    let place = if ffi::in_main_interpreter() { origin::caller(py) } else { None };
    let place = place.map(|caller| caller.place);
    let object = match exact {
        Exact::Unknown => Object::Nothing,
        Exact::Endpoint(endpoint) => Object::Endpoint(endpoint),
        Exact::Path(path) => Object::Path(path),
        Exact::Name(name) => Object::Name(name),
    };
    let name = denial.name.as_deref().and_then(Host::parse);
    let key: Key = (denial.rule.name, denial.verb, denial.api.to_owned(), object, name);
    let is_new = ACTS.lock().unwrap_or_else(PoisonError::into_inner).add(
        denial.rule,
        key.clone(),
        place.clone(),
    );
    if is_new {
        let (rule, verb, api, object, name) = key;
        let (kind, text, port) = parts(&object);
        tell(|| {
            json!({
                "rule": rule, "verb": format!("{verb:?}"), "api": api, "kind": kind, "object": text,
                "port": port, "name": name.as_ref().map(Host::as_str),
                "path": place.as_ref().map(|place| &place.path),
                "row": place.as_ref().map(|place| place.row),
            })
        });
    }
}

impl Acts {
    /// Whether it was not known.
    fn add(&mut self, rule: &'static Rule, key: Key, place: Option<Place>) -> bool {
        let spelled = format!("{key:?}");
        let (_, verb, api, object, name) = key;
        if let Some(act) = self.numbers.get(&spelled).and_then(|at| self.list.get_mut(*at)) {
            let is_new = act.places.len() < MOST_PLACES && !act.places.contains(&place);
            if is_new {
                act.places.push(place);
            }
            return is_new;
        }
        if self.list.len() >= MOST {
            self.dropped += 1;
            return false;
        }
        self.numbers.insert(spelled, self.list.len());
        self.list.push(Act { rule, verb, api, object, name, places: vec![place] });
        true
    }
}

/// What was learned so far, as plain data that other processes can read; and how many acts found no
/// room.
pub fn acts(py: Python<'_>) -> PyResult<(Bound<'_, PyList>, u64)> {
    collect();
    let list = PyList::empty(py);
    let acts = ACTS.lock().unwrap_or_else(PoisonError::into_inner);
    for act in &acts.list {
        for place in &act.places {
            let entry = PyDict::new(py);
            entry.set_item("rule", act.rule.name)?;
            entry.set_item("verb", format!("{:?}", act.verb))?;
            entry.set_item("api", &act.api)?;
            let (kind, text, port) = parts(&act.object);
            entry.set_item("kind", kind)?;
            entry.set_item("object", text)?;
            entry.set_item("port", port)?;
            entry.set_item("name", act.name.as_ref().map(Host::as_str))?;
            entry.set_item("path", place.as_ref().map(|place| &place.path))?;
            entry.set_item("row", place.as_ref().map(|place| place.row))?;
            list.append(entry)?;
        }
    }
    Ok((list, acts.dropped))
}

/// An act that [`acts`] told; `shown` writes the path of a place.
pub fn need(entry: &Bound<'_, PyDict>, shown: &dyn Fn(&str) -> String) -> PyResult<Need> {
    let item = |key: &str| -> PyResult<Option<String>> {
        match entry.get_item(key)? {
            Some(value) => value.extract(),
            None => Ok(None),
        }
    };
    let wrong = || PyValueError::new_err("this is no act that was learned");
    let rule = item("rule")?.as_deref().and_then(rules::find).ok_or_else(wrong)?;
    let verb = item("verb")?.as_deref().and_then(verb_of).ok_or_else(wrong)?;
    let port = match entry.get_item("port")? {
        Some(port) => port.extract()?,
        None => None,
    };
    let kind = item("kind")?.ok_or_else(wrong)?;
    let object = object_of(&kind, item("object")?.as_deref(), port).ok_or_else(wrong)?;
    let row: Option<u32> = match entry.get_item("row")? {
        Some(row) => row.extract()?,
        None => None,
    };
    let who = match (item("path")?, row) {
        (Some(path), Some(row)) => format!("{}:{row}", shown(&path)),
        (Some(path), None) => shown(&path),
        (None, _) => "the interpreter".to_owned(),
    };
    let name = item("name")?.as_deref().and_then(Host::parse);
    Ok(Need { rule, verb, api: item("api")?.unwrap_or_default(), object, name, who })
}

#[cfg(test)]
mod tests {
    use super::{Acts, MOST_PLACES};
    use crate::origin::Place;
    use hermetic_policy::least::Object;
    use hermetic_policy::rules;
    use std::collections::BTreeMap;

    #[test]
    fn an_act_is_kept_once_with_some_of_its_places() {
        let mut acts = Acts { numbers: BTreeMap::new(), list: Vec::new(), dropped: 0 };
        let rule = rules::find("file-write").unwrap();
        for row in 0..20 {
            for name in ["/a", "/b"] {
                let object = Object::Path(name.to_owned());
                let key = (rule.name, rule.verb, "open".to_owned(), object, None);
                acts.add(rule, key, Some(Place { path: "x.py".to_owned(), row }));
            }
        }
        assert_eq!(acts.list.len(), 2);
        assert!(acts.list.iter().all(|act| act.places.len() == MOST_PLACES));
    }
}
