//! The Python module `hermetic._native`.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use hermetic_policy::config::{Config, Extend};
use hermetic_policy::pattern::program::SHELL;
use hermetic_policy::{Capability, Policy, PolicyOptions, profile};
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::kernel::plan::{Extent, Gap, Places, Support};
use crate::kernel::{self, Mode};
use crate::scope::Manner;
use crate::{children, denied, ffi, origin, scope, shims, slots, status, trust};

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
    let (options, policy) = ready(options)?;
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

/// Options with their profiles taken apart and their root as it is on disk, and their policy.
fn ready(options: &Bound<'_, PyDict>) -> PyResult<(PolicyOptions, Policy)> {
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
    let policy = options.build().map_err(|error| PyValueError::new_err(error.to_string()))?;
    Ok((options, policy))
}

/// Apply policies to the process by the kernel, for good; nothing here can take any of it back.
///
/// `claim` is for tests: it can say only that the kernel has less than it has, and a program that
/// is guarded has nothing left to say when it runs.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "what is taken from Python is owned")]
#[pyo3(signature = (policies, mode, *, readable = vec![], programs = vec![], limited = false,
                    claim = None))]
fn confine(
    py: Python<'_>,
    policies: Vec<Bound<'_, PyDict>>,
    mode: &str,
    readable: Vec<String>,
    programs: Vec<String>,
    limited: bool,
    claim: Option<(u32, bool)>,
) -> PyResult<()> {
    denied::hold_classes(py)?;
    let mode = Mode::of(mode)
        .ok_or_else(|| PyValueError::new_err("the mode is \"auto\" or \"require\""))?;
    let policies = policies
        .iter()
        .map(|options| ready(options).map(|(_, policy)| policy))
        .collect::<PyResult<Vec<_>>>()?;
    let mut support = kernel::apply::support();
    if let Some((landlock, seccomp)) = claim {
        support = support.at_most(Support { landlock, seccomp, threads: false });
    }
    let places = Places { readable, programs, runnable: Vec::new() };
    kernel::confine(&policies, mode, &places, support, limited)
        .map(|_| ())
        .map_err(|error| denied::bootstrap_error(py, &format!("hermetic: {error}")))
}

/// The programs that were started without the guard, each once.
#[pyfunction]
fn unguarded() -> Vec<String> {
    children::tally().unguarded
}

/// Note what the kernel enforces on this process since it enforced it on the one that started it:
/// Landlock's version, whether seccomp does, and what is not covered. It is only told.
#[pyfunction]
fn inherit(landlock: u32, seccomp: bool, gaps: Vec<(String, String, String, String)>) {
    let gaps = gaps
        .into_iter()
        .filter_map(|(capability, what, why, extent)| {
            let capability = Capability::ALL.into_iter().find(|it| it.name() == capability)?;
            Some(Gap { capability, what, why, extent: Extent::of(&extent)? })
        })
        .collect();
    kernel::inherit(kernel::Report { landlock, seccomp, gaps });
}

/// Let no policy of this process be closed any more.
#[pyfunction]
fn seal() {
    scope::stack().seal();
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
    module.add_function(wrap_pyfunction!(confine, module)?)?;
    module.add_function(wrap_pyfunction!(inherit, module)?)?;
    module.add_function(wrap_pyfunction!(unguarded, module)?)?;
    module.add("BOOT", children::BOOT)?;
    module.add_function(wrap_pyfunction!(status_, module)?)?;
    module.add_function(wrap_pyfunction!(violations, module)?)?;
    module.add_function(wrap_pyfunction!(read_config, module)?)?;
    module.add_function(wrap_pyfunction!(profiles, module)?)?;
    Ok(())
}
