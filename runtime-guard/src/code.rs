//! Code made from data.

use hermetic_policy::Verb;
use pyo3::prelude::*;

use crate::arguments::EventArgs;
use crate::deed::{Deed, Object};
use crate::hook::Reading;

/// Judge `compile` and `exec`.
pub fn on_event(read: &Reading<'_>, args: &EventArgs<'_, '_>) -> PyResult<()> {
    read.judge(args.py(), Deed { verb: Some(Verb::Evaluate), object: Object::Nothing })
}

/// Judge `marshal.load`, `marshal.loads` and `pickle.find_class`.
pub fn on_loading(read: &Reading<'_>, args: &EventArgs<'_, '_>) -> PyResult<()> {
    read.judge(args.py(), Deed { verb: Some(Verb::Deserialise), object: Object::Nothing })
}
