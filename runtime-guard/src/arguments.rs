//! Python objects as [`Value`]s. Only built-in types are read, and no Python code runs.

use std::borrow::Cow;

use pyo3::Borrowed;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyInt, PyList, PyString, PyTuple};

use crate::ffi;
use crate::value::{Args, At, Value};

/// The arguments of an audit event.
pub struct EventArgs<'a, 'py> {
    items: [Option<Borrowed<'a, 'py, PyAny>>; MOST],
    tuple: &'a Bound<'py, PyTuple>,
}

/// As many arguments of an event as are read; what comes after is not there to the readers.
const MOST: usize = 5;

impl<'a, 'py> EventArgs<'a, 'py> {
    /// Of the hook's tuple, before they are [read](Self::read).
    pub const fn new(tuple: &'a Bound<'py, PyTuple>) -> Self {
        Self { items: [None; MOST], tuple }
    }

    /// Read them. Where they stay: a processor that moves what it has just written waits until
    /// that is stored, which took longer than all the rest of a judgement.
    pub fn read(&mut self) {
        for (item, given) in self.items.iter_mut().zip(self.tuple.iter_borrowed()) {
            *item = Some(given);
        }
    }

    /// The argument as an object.
    pub fn object(&self, position: usize) -> Option<&Bound<'py, PyAny>> {
        self.items.get(position)?.as_deref()
    }

    /// The interpreter.
    pub fn py(&self) -> Python<'py> {
        self.tuple.py()
    }
}

impl Args for EventArgs<'_, '_> {
    fn value(&self, at: At) -> Value<'_> {
        self.object(at.position).map_or(Value::Absent, value)
    }
}

/// The arguments of a call.
pub struct CallArgs<'py> {
    /// By place.
    pub positional: Vec<Bound<'py, PyAny>>,
    /// By keyword.
    pub keywords: Vec<(String, Bound<'py, PyAny>)>,
}

impl<'py> CallArgs<'py> {
    /// The argument as an object.
    pub fn object(&self, at: At) -> Option<&Bound<'py, PyAny>> {
        self.positional.get(at.position).or_else(|| {
            self.keywords.iter().find(|(name, _)| name == at.keyword).map(|(_, object)| object)
        })
    }

    /// Put another object in an argument's place; whether there was one.
    pub fn replace(&mut self, at: At, object: Bound<'py, PyAny>) -> bool {
        let place = match self.positional.get_mut(at.position) {
            Some(place) => Some(place),
            None => self
                .keywords
                .iter_mut()
                .find(|(name, _)| name == at.keyword)
                .map(|(_, place)| place),
        };
        place.map(|place| *place = object).is_some()
    }

    /// The keywords of a dictionary.
    pub fn keywords_of(dict: &Bound<'py, PyDict>) -> Vec<(String, Bound<'py, PyAny>)> {
        dict.iter().filter_map(|(name, object)| Some((text(&name)?.into_owned(), object))).collect()
    }
}

impl Args for CallArgs<'_> {
    fn value(&self, at: At) -> Value<'_> {
        self.object(at).map_or(Value::Absent, value)
    }
}

/// A `str` as text; undecodable bytes replaced.
pub fn text<'a>(object: &'a Bound<'_, PyAny>) -> Option<Cow<'a, str>> {
    if !object.is_instance_of::<PyString>() {
        return None;
    }
    if let Some(text) = ffi::utf8(object) {
        Some(Cow::Borrowed(text))
    } else {
        let bytes = ffi::file_system_bytes(object)?;
        Some(Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()))
    }
}

/// An object as a value. What another thread can change until it is used, as a `bytearray`, has
/// none.
pub fn value<'a>(object: &'a Bound<'_, PyAny>) -> Value<'a> {
    if object.is_none() {
        Value::None
    } else if object.is_instance_of::<PyString>() {
        // Nearly always the first, and then nothing is moved.
        match ffi::utf8(object) {
            Some(text) => Value::Text(Cow::Borrowed(text)),
            None => text(object).map_or(Value::Other, Value::Text),
        }
    } else if object.is_instance_of::<PyInt>() || object.is_instance_of::<PyBool>() {
        ffi::integer(object).map_or(Value::Other, Value::Int)
    } else if let Ok(bytes) = object.cast::<PyBytes>() {
        Value::Bytes(Cow::Borrowed(bytes.as_bytes()))
    } else if let Ok(tuple) = object.cast::<PyTuple>() {
        Value::Sequence(tuple.iter().map(|item| owned(&value(&item))).collect())
    } else if let Ok(list) = object.cast::<PyList>() {
        Value::Sequence(list.iter().map(|item| owned(&value(&item))).collect())
    } else {
        Value::Other
    }
}

/// A value that does not borrow from its object.
fn owned(value: &Value<'_>) -> Value<'static> {
    match value {
        Value::Absent => Value::Absent,
        Value::None => Value::None,
        Value::Int(number) => Value::Int(*number),
        Value::Text(text) => Value::Text(Cow::Owned(text.clone().into_owned())),
        Value::Bytes(bytes) => Value::Bytes(Cow::Owned(bytes.clone().into_owned())),
        Value::Sequence(items) => Value::Sequence(items.iter().map(owned).collect()),
        Value::Other => Value::Other,
    }
}
