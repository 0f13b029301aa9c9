//! Exchanging a function's code for one that calls a gate.

use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict, PyTuple};

use crate::protect;

/// Stands for the gate in the text of the new code.
const GATE: &str = "hermetic: gate";

/// A function whose code is exchanged.
pub struct Swapped {
    function: Py<PyAny>,
    before: Py<PyAny>,
}

impl Swapped {
    /// Put the old code back.
    pub fn restore(self, py: Python<'_>) -> PyResult<()> {
        let function = self.function.bind(py);
        protect::remove(function);
        function.setattr("__code__", self.before)
    }
}

/// A copy of a function that keeps its code.
pub fn copy<'py>(function: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let get = |name: &str| function.getattr(name);
    let copy = function.get_type().call1((
        get("__code__")?,
        get("__globals__")?,
        get("__name__")?,
        get("__defaults__")?,
        get("__closure__")?,
    ))?;
    copy.setattr("__kwdefaults__", get("__kwdefaults__")?)?;
    Ok(copy)
}

/// A native gate: gets the arguments of the call, and the function as it was.
pub type Gate = for<'py> fn(
    Python<'py>,
    &Bound<'py, PyTuple>,
    &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>>;

/// Exchange a function's code for one with these parameters that calls the gate.
///
/// `file` is the file the new code claims: tracebacks leave the import system's own frames out.
pub fn swap(
    function: &Bound<'_, PyAny>,
    parameters: &str,
    file: &str,
    gate: Gate,
) -> PyResult<Swapped> {
    let py = function.py();
    let original = copy(function)?.unbind();
    let gate = PyCFunction::new_closure(py, None, None, move |args, _keywords| {
        gate(args.py(), args, original.bind(args.py())).map(Bound::unbind)
    })?;
    let name: String = function.getattr("__name__")?.extract()?;
    let source =
        format!("def {name}({parameters}):\n gate = {GATE:?}\n return gate({parameters})\n");
    let code = with_gate(py, &source, file, gate.as_any())?;
    let before = function.getattr("__code__")?;
    function.setattr("__code__", code)?;
    protect::add(function);
    Ok(Swapped { function: function.clone().unbind(), before: before.unbind() })
}

/// The code of the function a text defines, the gate in its place.
pub fn with_gate<'py>(
    py: Python<'py>,
    source: &str,
    file: &str,
    gate: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let whole = py.import("builtins")?.call_method1("compile", (source, file, "exec", 0, true))?;
    fill(&whole, gate)?
        .getattr("co_consts")?
        .try_iter()?
        .flatten()
        .find(|constant| constant.hasattr("co_consts").unwrap_or(false))
        .ok_or_else(|| pyo3::exceptions::PySystemError::new_err("no function in the gate's text"))
}

/// Put the gate in the place of its name, in a code object and all within.
pub fn fill<'py>(
    code: &Bound<'py, PyAny>,
    gate: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = code.py();
    let constants = code.getattr("co_consts")?.cast_into::<PyTuple>()?;
    let filled = constants
        .iter()
        .map(|constant| {
            if constant.hasattr("co_consts")? {
                fill(&constant, gate)
            } else if crate::arguments::text(&constant).is_some_and(|text| text == GATE) {
                Ok(gate.clone())
            } else {
                Ok(constant)
            }
        })
        .collect::<PyResult<Vec<_>>>()?;
    let keywords = PyDict::new(py);
    keywords.set_item("co_consts", PyTuple::new(py, filled)?)?;
    code.call_method("replace", (), Some(&keywords))
}
