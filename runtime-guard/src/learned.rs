//! What a run did, where a policy only watches: what `--learn` makes a policy of.
//!
//! An act is kept with where it was done, once for each place; the same act from many places keeps
//! the first of them, since a line of a policy names no more.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use hermetic_policy::least::{Need, Object};
use hermetic_policy::{Endpoint, Host, Rule, Verb, rules};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::denied::Denial;
use crate::ffi;
use crate::origin::{self, Place};
use crate::resolve::Exact;

/// As many different acts as are kept.
const MOST: usize = 100_000;
/// As many places as are kept of one act.
const MOST_PLACES: usize = 4;

/// What makes acts the same.
type Key = (&'static str, Verb, &'static str, Object, Option<Host>);

/// One act, and where it was done.
#[derive(Debug)]
struct Act {
    rule: &'static Rule,
    verb: Verb,
    api: &'static str,
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
    let key: Key = (denial.rule.name, denial.verb, denial.api, object, name);
    ACTS.lock().unwrap_or_else(PoisonError::into_inner).add(denial.rule, key, place);
}

impl Acts {
    fn add(&mut self, rule: &'static Rule, key: Key, place: Option<Place>) {
        let spelled = format!("{key:?}");
        let (_, verb, api, object, name) = key;
        if let Some(act) = self.numbers.get(&spelled).and_then(|at| self.list.get_mut(*at)) {
            if act.places.len() < MOST_PLACES && !act.places.contains(&place) {
                act.places.push(place);
            }
        } else if self.list.len() < MOST {
            self.numbers.insert(spelled, self.list.len());
            self.list.push(Act { rule, verb, api, object, name, places: vec![place] });
        } else {
            self.dropped += 1;
        }
    }
}

/// What was learned so far, as plain data that other processes can read; and how many acts found no
/// room.
pub fn acts(py: Python<'_>) -> PyResult<(Bound<'_, PyList>, u64)> {
    let list = PyList::empty(py);
    let acts = ACTS.lock().unwrap_or_else(PoisonError::into_inner);
    for act in &acts.list {
        for place in &act.places {
            let entry = PyDict::new(py);
            entry.set_item("rule", act.rule.name)?;
            entry.set_item("verb", format!("{:?}", act.verb))?;
            entry.set_item("api", act.api)?;
            let (kind, text, port) = match &act.object {
                Object::Nothing => ("nothing", None, None),
                Object::Endpoint(Endpoint::Inet { host, port }) => {
                    ("host", Some(host.as_str()), *port)
                }
                Object::Endpoint(Endpoint::Unix(path)) => ("unix", Some(path.as_ref()), None),
                Object::Path(path) => ("path", Some(path.as_str()), None),
                Object::Name(name) => ("name", Some(name.as_str()), None),
            };
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
    let verb = item("verb")?;
    let verb = Verb::ALL
        .into_iter()
        .find(|one| verb.as_deref() == Some(format!("{one:?}").as_str()))
        .ok_or_else(wrong)?;
    let text = item("object")?;
    let kind = item("kind")?.ok_or_else(wrong)?;
    let object = match (kind.as_str(), text) {
        ("nothing", _) => Object::Nothing,
        ("host", Some(text)) => {
            let host = Host::parse(&text).ok_or_else(wrong)?;
            let port = match entry.get_item("port")? {
                Some(port) => port.extract()?,
                None => None,
            };
            Object::Endpoint(Endpoint::Inet { host, port })
        }
        ("unix", Some(text)) => Object::Endpoint(Endpoint::Unix(text.into())),
        ("path", Some(text)) => Object::Path(text),
        ("name", Some(text)) => Object::Name(text),
        _ => return Err(wrong()),
    };
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
                let key = (rule.name, rule.verb, "open", Object::Path(name.to_owned()), None);
                acts.add(rule, key, Some(Place { path: "x.py".to_owned(), row }));
            }
        }
        assert_eq!(acts.list.len(), 2);
        assert!(acts.list.iter().all(|act| act.places.len() == MOST_PLACES));
    }
}
