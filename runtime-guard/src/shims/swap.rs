//! Exchanging a function's code for one that calls a gate.

use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict, PyTuple};

use crate::{protect, trust};

/// Stands for the gate in the text of the new code.
const GATE: &str = "hermetic: gate";

/// `inspect.CO_GENERATOR`.
const CO_GENERATOR: u32 = 0x20;

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

/// The arguments of a call that comes to a gate.
pub struct Call<'a, 'py> {
    /// By place.
    pub args: &'a Bound<'py, PyTuple>,
    /// By keyword.
    pub keywords: Option<&'a Bound<'py, PyDict>>,
    /// The function as it was.
    pub original: &'a Bound<'py, PyAny>,
}

impl<'py> Call<'_, 'py> {
    /// The interpreter.
    pub fn py(&self) -> Python<'py> {
        self.args.py()
    }

    /// The first argument, however it is given.
    pub fn first(&self, keyword: &str) -> Option<Bound<'py, PyAny>> {
        self.args
            .get_item(0)
            .ok()
            .or_else(|| self.keywords.and_then(|keywords| keywords.get_item(keyword).ok()?))
    }

    /// Call the function as it was.
    pub fn go_on(&self) -> PyResult<Bound<'py, PyAny>> {
        self.original.call(self.args, self.keywords)
    }
}

/// A native gate.
pub type Gate = for<'py> fn(&Call<'_, 'py>) -> PyResult<Bound<'py, PyAny>>;

/// Exchange a function's code for one that calls the gate with whatever it is called with.
///
/// `file` is the file the new code claims: tracebacks leave the import system's own frames out.
pub fn swap(function: &Bound<'_, PyAny>, file: &str, gate: Gate) -> PyResult<Swapped> {
    let py = function.py();
    let original = copy(function)?.unbind();
    let gate = PyCFunction::new_closure(py, None, None, move |args, keywords| {
        gate(&Call { args, keywords, original: original.bind(args.py()) }).map(Bound::unbind)
    })?;
    let name: String = function.getattr("__name__")?.extract()?;
    // A generator stays one: only a code object of the same kind may take its place.
    let flags: u32 = function.getattr("__code__")?.getattr("co_flags")?.extract()?;
    let hand_on = if flags & CO_GENERATOR == 0 { "return" } else { "yield from" };
    let source = format!(
        "def {name}(*args, **keywords):\n gate = {GATE:?}\n {hand_on} gate(*args, **keywords)\n"
    );
    let code = with_gate(py, &source, file, gate.as_any())?;
    let before = function.getattr("__code__")?;
    function.setattr("__code__", code)?;
    protect::add(function);
    trust::add_gate(&function.getattr("__code__")?);
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
