//! The Python module `hermetic._native`.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use hermetic_policy::config::{Config, Extend, Swallowed};
use hermetic_policy::pattern::program::SHELL;
use hermetic_policy::{Policy, PolicyOptions, least, profile};
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::scope::{Manner, Open};
use crate::{
    children, denied, ffi, learned, origin, raised, resolve, scope, shims, slots, standing, status,
    trace, trust,
};

mod layer;

/// An open policy. It ends with `close()`, and in no other way.
#[pyclass(frozen, module = "hermetic._native")]
struct Scope {
    id: u64,
}

/// How many tokens there are.
static TOKENS: AtomicUsize = AtomicUsize::new(0);

impl Scope {
    fn new(id: u64) -> Self {
        TOKENS.fetch_add(1, Ordering::AcqRel);
        Self { id }
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        TOKENS.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Whether a policy can be closed by whoever finds its token.
pub(crate) fn is_closable() -> bool {
    TOKENS.load(Ordering::Acquire) > 0 && !scope::stack().is_sealed()
}

#[pymethods]
impl Scope {
    /// End this policy; whether it was open. On a sealed process it does nothing.
    fn close(&self, py: Python<'_>) -> PyResult<bool> {
        let was_open = close(self.id);
        if was_open {
            shims::apply(py)?;
        }
        Ok(was_open)
    }
}

/// Close a policy, if nothing forbids it.
fn close(id: u64) -> bool {
    let mut stack = scope::stack();
    let was_open = stack.close(id);
    if was_open {
        scope::publish(&stack);
    }
    was_open
}

static INSTALLED: AtomicBool = AtomicBool::new(false);

/// A policy that is opened and closed over and over, as between tests. It can be ended by whoever
/// holds it.
#[pyclass(frozen, module = "hermetic._native")]
struct Standing {
    standing: standing::Standing,
    is_over: AtomicBool,
}

#[pymethods]
impl Standing {
    /// Open it, unless it is open.
    fn enter(&self, py: Python<'_>) -> PyResult<()> {
        if self.is_over.load(Ordering::Acquire) {
            return Err(PyRuntimeError::new_err("this policy has been given up"));
        }
        self.standing.enter(py)
    }

    /// Open it in the place of another one, without a moment in which neither is.
    fn take_over(&self, py: Python<'_>, other: &Self) -> PyResult<()> {
        if self.is_over.load(Ordering::Acquire) {
            return Err(PyRuntimeError::new_err("this policy has been given up"));
        }
        self.standing.take_over(py, &other.standing)
    }

    /// Close it; whether it was open and is closed now.
    fn leave(&self, py: Python<'_>) -> PyResult<bool> {
        self.standing.leave(py)
    }

    /// Close it for good.
    fn end(&self, py: Python<'_>) -> PyResult<()> {
        self.standing.leave(py)?;
        if !self.is_over.swap(true, Ordering::AcqRel) {
            standing::end();
            shims::apply(py)?;
        }
        Ok(())
    }
}

/// Install the hook, once.
fn install(py: Python<'_>) -> PyResult<()> {
    denied::hold_classes(py)?;
    if INSTALLED.load(Ordering::Acquire) {
        return Ok(());
    }
    // Two threads may open the first policies at once.
    let is_first = shims::begin(py);
    let installed = if INSTALLED.load(Ordering::Acquire) { Ok(()) } else { install_once(py) };
    if is_first {
        shims::end();
    }
    installed
}

fn install_once(py: Python<'_>) -> PyResult<()> {
    status::look_around();
    origin::learn(py)?;
    trust::learn(py)?;
    ffi::install_hook(py)
        .map_err(|error| denied::bootstrap_error(py, &format!("hermetic: {}", error.value(py))))?;
    INSTALLED.store(true, Ordering::Release);
    mind_forks(py)
}

/// Let every fork of the interpreter's wait for a moment in which the guard is whole.
fn mind_forks(py: Python<'_>) -> PyResult<()> {
    let posix = py.import(if cfg!(windows) { "nt" } else { "posix" })?;
    let Ok(register) = posix.getattr("register_at_fork") else { return Ok(()) };
    let calls = PyDict::new(py);
    calls.set_item("before", wrap_pyfunction!(shims::before_fork, py)?)?;
    let after = wrap_pyfunction!(shims::after_fork, py)?;
    calls.set_item("after_in_parent", &after)?;
    calls.set_item("after_in_child", after)?;
    register.call((), Some(&calls)).map(|_| ())
}

/// Open a policy.
#[expect(clippy::fn_params_excessive_bools, reason = "each is a keyword of its own in Python")]
#[pyfunction]
#[pyo3(signature = (options, *, sealed = false, trace = false, best_effort = false,
                    unguarded_children = false))]
fn open_scope(
    py: Python<'_>,
    options: &Bound<'_, PyDict>,
    sealed: bool,
    trace: bool,
    best_effort: bool,
    unguarded_children: bool,
) -> PyResult<Scope> {
    let (policy, options) = policy_of(options)?;
    let before = get_ready(py, best_effort)?;
    let id = {
        let mut stack = scope::stack();
        let id = stack.push(policy, options, Manner { trace, best_effort, unguarded_children });
        scope::publish(&stack);
        id
    };
    if let Err(error) = shims::apply(py) {
        // What could not be enforced in full is not enforced by halves.
        close(id);
        slots::be_content_with_less(before);
        shims::apply(py)?;
        return Err(error);
    }
    if sealed {
        scope::stack().seal();
    }
    Ok(Scope::new(id))
}

/// The policy of a dictionary, and its options with paths as policies compare them.
fn policy_of(options: &Bound<'_, PyDict>) -> PyResult<(Policy, PolicyOptions)> {
    let mut options = options_of(options)?
        .expand_profiles()
        .map_err(|error| PyValueError::new_err(format!("--profile: {error}")))?;
    if let Some(root) = &options.fs_root {
        let real = std::path::Path::new(root).canonicalize().map_err(|error| {
            PyValueError::new_err(format!("--fs-readonly: `{root}` cannot be read: {error}"))
        })?;
        options.fs_root = Some(real.to_string_lossy().into_owned());
    }
    // Which file a name is, is settled here: the search path is the program's to change.
    let mut found: Vec<String> =
        options.allow_run.iter().filter_map(|name| children::find_program(name)).collect();
    if options.allow_run.iter().any(|name| name == SHELL) {
        // What `os.system` and `shell=True` start, whatever the search path says.
        found.extend(["/bin/sh".to_owned()].into_iter().chain(children::find_program("/bin/sh")));
    }
    for file in found {
        if !options.allow_run.contains(&file) {
            options.allow_run.push(file);
        }
    }
    for path in &mut options.allow_write {
        // What does not exist yet may be made.
        *path = resolve::real(std::path::Path::new(path.as_str()), false)
            .to_string_lossy()
            .into_owned();
    }
    let policy = options.build().map_err(|error| PyValueError::new_err(error.to_string()))?;
    Ok((policy, options))
}

/// Put the guard in place; what held until now of being content with less.
fn get_ready(py: Python<'_>, best_effort: bool) -> PyResult<bool> {
    // One policy that wants all of it is enough for a failure to be an error.
    let alone = scope::active().is_none();
    let before = slots::be_content_with_less(best_effort);
    if alone {
        slots::forget_failures();
    } else if !before {
        slots::be_content_with_less(false);
    }
    let ready = install(py).and_then(|()| match slots::failures().first() {
        Some(told) if !best_effort => {
            Err(denied::bootstrap_error(py, &format!("hermetic: {told}")))
        }
        _ => Ok(()),
    });
    if let Err(error) = ready {
        slots::be_content_with_less(before);
        return Err(error);
    }
    Ok(before)
}

/// Make a policy ready to be opened and closed over and over.
#[pyfunction]
#[pyo3(signature = (options, *, best_effort = false))]
fn stand_ready(
    py: Python<'_>,
    options: &Bound<'_, PyDict>,
    best_effort: bool,
) -> PyResult<Standing> {
    let (policy, options) = policy_of(options)?;
    let open = Open::standing(policy, options, best_effort);
    stand(py, open, best_effort)
}

fn stand(py: Python<'_>, open: Open, best_effort: bool) -> PyResult<Standing> {
    let before = get_ready(py, best_effort)?;
    standing::begin();
    // Opened once, so that what cannot be enforced is told now.
    let standing = standing::Standing::new(open);
    if let Err(error) =
        shims::apply(py).and_then(|()| standing.enter(py)).and_then(|()| standing.leave(py))
    {
        standing::end();
        slots::be_content_with_less(before);
        shims::apply(py)?;
        return Err(error);
    }
    Ok(Standing { standing, is_over: AtomicBool::new(false) })
}

/// A policy that denies nothing and notes all that could be denied, to be opened and closed.
#[pyfunction]
fn observer(py: Python<'_>) -> PyResult<Standing> {
    let options = PolicyOptions {
        profile: vec!["block-all".to_owned()],
        // Nothing is below it, so that every file that is read is noted.
        fs_root: Some("/.hermetic/observes".to_owned()),
        ..PolicyOptions::default()
    };
    let options =
        options.expand_profiles().map_err(|error| PyValueError::new_err(error.to_string()))?;
    let policy = options.build().map_err(|error| PyValueError::new_err(error.to_string()))?;
    stand(py, Open::watching(policy, options), true)
}

/// What observers have noted, and how many acts found no room.
#[pyfunction(name = "learned")]
fn learned_(py: Python<'_>) -> PyResult<(Bound<'_, PyList>, u64)> {
    learned::acts(py)
}

/// Learn from children, too: they write to this file, and the process that begins it reads it.
#[pyfunction]
#[pyo3(signature = (path, *, reads))]
fn learn_from_children(path: &str, reads: bool) -> PyResult<()> {
    Ok(learned::begin(path, reads)?)
}

/// The least policy that allows all of these acts, as TOML.
///
/// `folder` is the project's, `temporary` are those for temporary files, `wide` others that are
/// never allowed in whole; all are absolute and without links. `notes` are told at the end.
#[pyfunction]
fn least_policy(
    acts: &Bound<'_, PyList>,
    folder: &str,
    temporary: Vec<String>,
    wide: Vec<String>,
    notes: Vec<String>,
) -> PyResult<String> {
    let shown = |path: &str| least::places::relative(path, Some(folder));
    let needs = acts
        .iter()
        .map(|act| learned::need(act.cast::<PyDict>()?, &shown))
        .collect::<PyResult<Vec<_>>>()?;
    let mut least = least::of_run(&needs, &least::Places::new(folder, temporary, wide));
    least.notes = notes;
    Ok(least.toml(&|text| text.escape_debug().to_string(), Some(folder)))
}

/// How often anything was denied so far.
#[pyfunction]
fn denials() -> u64 {
    denied::count()
}

/// Know from now on which exceptions the guard raised.
#[pyfunction]
fn keep_raised() {
    raised::begin();
}

/// The place in `violations()` of the one that this very object was raised for, and the object's
/// number; None for any other.
#[pyfunction]
fn raised_for(error: &Bound<'_, PyAny>) -> Option<(usize, u64)> {
    raised::place_of(error)
}

/// Write each decision to this file from now on, as a line of JSON.
#[pyfunction]
fn trace_to(path: &str) -> PyResult<()> {
    Ok(trace::begin(path)?)
}

/// Let no policy of this process be closed any more.
#[pyfunction]
fn seal() {
    scope::stack().seal();
}

/// Whether no open policy ends before the process does.
#[pyfunction]
fn is_sealed() -> bool {
    scope::stack().is_sealed()
}

/// What is enforced, and what is not.
#[pyfunction(name = "status")]
fn status_(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    status::status(py)
}

/// The acts denied so far.
#[pyfunction]
fn violations(py: Python<'_>) -> PyResult<Bound<'_, PyList>> {
    let list = PyList::empty(py);
    denied::with_record(|record| -> PyResult<()> {
        for violation in &record.violations {
            let entry = PyDict::new(py);
            entry.set_item("rule", violation.rule)?;
            entry.set_item("guard", violation.guard)?;
            entry.set_item("target", &violation.target)?;
            entry.set_item("text", &violation.text)?;
            entry.set_item("path", violation.place.as_ref().map(|place| &place.path))?;
            entry.set_item("row", violation.place.as_ref().map(|place| place.row))?;
            entry.set_item("count", violation.count)?;
            list.append(entry)?;
        }
        Ok(())
    })?;
    Ok(list)
}

/// Read a configuration text; `None` where a `pyproject.toml` has no `[tool.hermetic]`.
#[pyfunction]
fn read_config<'py>(
    py: Python<'py>,
    text: &str,
    kind: &str,
) -> PyResult<Option<Bound<'py, PyDict>>> {
    let config = match kind {
        "pyproject" => Config::from_pyproject(text),
        "hermetic" => Config::from_hermetic_toml(text).map(Some),
        _ => return Err(PyValueError::new_err("kind is \"pyproject\" or \"hermetic\"")),
    };
    match config {
        Ok(None) => Ok(None),
        Ok(Some(config)) => {
            let said = dict_of(py, &config.policy)?;
            let pytest = PyDict::new(py);
            pytest.set_item("policy", dict_of(py, &config.pytest.policy)?)?;
            pytest.set_item("swallowed", config.pytest.swallowed.map(Swallowed::name))?;
            said.set_item("pytest", pytest)?;
            if let Some(Extend { path, place }) = config.extend {
                said.set_item("extend", (path, place.row, place.column))?;
            }
            Ok(Some(said))
        }
        Err(error) => {
            let raised = PyValueError::new_err(error.to_string());
            let value = raised.value(py);
            value.setattr("row", error.place.row)?;
            value.setattr("column", error.place.column)?;
            Err(raised)
        }
    }
}

/// The named bundles of flags.
#[pyfunction]
fn profiles(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let all = PyDict::new(py);
    for profile in &profile::PROFILES {
        all.set_item(profile.name, dict_of(py, &(profile.options)())?)?;
    }
    Ok(all)
}

/// Options as a dictionary. Taken apart in full, so that none can be forgotten.
fn dict_of<'py>(py: Python<'py>, options: &PolicyOptions) -> PyResult<Bound<'py, PyDict>> {
    let PolicyOptions {
        profile,
        no_network,
        allow_localhost,
        allow_domain,
        no_subprocess,
        allow_run,
        fs_readonly,
        fs_root,
        allow_write,
        no_environment,
        no_code_exec,
        no_interpreter_mutation,
        block_native,
        allow_native,
        deny_import,
    } = options;
    let dict = PyDict::new(py);
    dict.set_item("profile", profile)?;
    dict.set_item("no_network", no_network)?;
    dict.set_item("allow_localhost", allow_localhost)?;
    dict.set_item("allow_domain", allow_domain)?;
    dict.set_item("no_subprocess", no_subprocess)?;
    dict.set_item("allow_run", allow_run)?;
    dict.set_item("fs_readonly", fs_readonly)?;
    dict.set_item("fs_root", fs_root)?;
    dict.set_item("allow_write", allow_write)?;
    dict.set_item("no_environment", no_environment)?;
    dict.set_item("no_code_exec", no_code_exec)?;
    dict.set_item("no_interpreter_mutation", no_interpreter_mutation)?;
    dict.set_item("block_native", block_native)?;
    dict.set_item("allow_native", allow_native)?;
    dict.set_item("deny_import", deny_import)?;
    Ok(dict)
}

/// A dictionary as options.
fn options_of(dict: &Bound<'_, PyDict>) -> PyResult<PolicyOptions> {
    let mut options = PolicyOptions::default();
    for (key, value) in dict {
        let key: String =
            key.extract().map_err(|_| PyTypeError::new_err("the names of options are strings"))?;
        let flag = || {
            value.extract::<bool>().map_err(|_| {
                PyTypeError::new_err(format!("`{key}` takes True or False, not {}", kind(&value)))
            })
        };
        let list = || {
            let wrong = || {
                PyTypeError::new_err(format!(
                    "`{key}` takes a list of strings, not {}",
                    kind(&value)
                ))
            };
            // A `str` would be taken for a list of its letters.
            if value.is_instance_of::<pyo3::types::PyString>() {
                return Err(wrong());
            }
            value.extract::<Vec<String>>().map_err(|_| wrong())
        };
        match key.as_str() {
            "profile" => options.profile = list()?,
            "no_network" => options.no_network = flag()?,
            "allow_localhost" => options.allow_localhost = flag()?,
            "allow_domain" => options.allow_domain = list()?,
            "no_subprocess" => options.no_subprocess = flag()?,
            "allow_run" => options.allow_run = list()?,
            "fs_readonly" => options.fs_readonly = flag()?,
            "fs_root" => {
                options.fs_root = value.extract::<Option<String>>().map_err(|_| {
                    PyTypeError::new_err(format!("`fs_root` takes a folder, not {}", kind(&value)))
                })?;
            }
            "allow_write" => options.allow_write = list()?,
            "no_environment" => options.no_environment = flag()?,
            "no_code_exec" => options.no_code_exec = flag()?,
            "no_interpreter_mutation" => options.no_interpreter_mutation = flag()?,
            "block_native" => options.block_native = flag()?,
            "allow_native" => options.allow_native = list()?,
            "deny_import" => options.deny_import = list()?,
            _ => return Err(PyTypeError::new_err(format!("unknown option `{key}`"))),
        }
    }
    Ok(options)
}

fn kind(value: &Bound<'_, PyAny>) -> String {
    value.get_type().name().map_or_else(|_| "this".to_owned(), |name| name.to_string())
}

/// Why this interpreter is none the guard was made for.
fn refusal(py: Python<'_>) -> PyResult<Option<&'static str>> {
    let sys = py.import("sys")?;
    let implementation: String = sys.getattr("implementation")?.getattr("name")?.extract()?;
    if implementation != "cpython" {
        return Ok(Some("hermetic guards CPython only"));
    }
    // PEP 703 builds say so. `sysconfig` says it too, and loads as much as all of hermetic.
    let version: String = sys.getattr("version")?.extract()?;
    let free_threaded = version.contains("free-threading");
    Ok(free_threaded.then_some("hermetic does not guard free-threaded builds of CPython yet"))
}

/// The enforcing half of hermetic.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    if let Some(refusal) = refusal(module.py())? {
        return Err(PyRuntimeError::new_err(refusal));
    }
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<Scope>()?;
    module.add_function(wrap_pyfunction!(open_scope, module)?)?;
    module.add_function(wrap_pyfunction!(seal, module)?)?;
    module.add_function(wrap_pyfunction!(layer::confine, module)?)?;
    module.add_function(wrap_pyfunction!(layer::inherit, module)?)?;
    module.add_function(wrap_pyfunction!(layer::unguarded, module)?)?;
    module.add("BOOT", children::BOOT)?;
    module.add_function(wrap_pyfunction!(is_sealed, module)?)?;
    module.add_function(wrap_pyfunction!(status_, module)?)?;
    module.add_function(wrap_pyfunction!(violations, module)?)?;
    module.add_function(wrap_pyfunction!(read_config, module)?)?;
    module.add_function(wrap_pyfunction!(profiles, module)?)?;
    module.add_class::<Standing>()?;
    module.add_function(wrap_pyfunction!(stand_ready, module)?)?;
    module.add_function(wrap_pyfunction!(observer, module)?)?;
    module.add_function(wrap_pyfunction!(learned_, module)?)?;
    module.add_function(wrap_pyfunction!(learn_from_children, module)?)?;
    module.add_function(wrap_pyfunction!(least_policy, module)?)?;
    module.add_function(wrap_pyfunction!(denials, module)?)?;
    module.add_function(wrap_pyfunction!(keep_raised, module)?)?;
    module.add_function(wrap_pyfunction!(raised_for, module)?)?;
    module.add_function(wrap_pyfunction!(trace_to, module)?)?;
    Ok(())
}
