//! What the launcher asks of the kernel layer.

use hermetic_policy::Capability;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::policy_of;
use crate::kernel::plan::{Extent, Gap, Places, Support};
use crate::kernel::{self, Mode};
use crate::{children, denied};

/// Apply policies to the process by the kernel, for good; nothing here can take any of it back.
///
/// `claim` is for tests: it can say only that the kernel has less than it has, and a program that
/// is guarded has nothing left to say when it runs.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "what is taken from Python is owned")]
#[pyo3(signature = (policies, mode, *, readable = vec![], programs = vec![], limited = false,
                    claim = None))]
pub(super) fn confine(
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
        .map(|options| policy_of(options).map(|(policy, _)| policy))
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
pub(super) fn unguarded() -> Vec<String> {
    children::tally().unguarded
}

/// Note what the kernel enforces on this process since it enforced it on the one that started it:
/// Landlock's version, whether seccomp does, and what is not covered. It is only told.
#[pyfunction]
pub(super) fn inherit(landlock: u32, seccomp: bool, gaps: Vec<(String, String, String, String)>) {
    let gaps = gaps
        .into_iter()
        .filter_map(|(capability, what, why, extent)| {
            let capability = Capability::ALL.into_iter().find(|it| it.name() == capability)?;
            Some(Gap { capability, what, why, extent: Extent::of(&extent)? })
        })
        .collect();
    kernel::inherit(kernel::Report { landlock, seccomp, gaps });
}
