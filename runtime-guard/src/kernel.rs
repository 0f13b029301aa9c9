//! The kernel layer: the same policy, enforced once more from below.
//!
//! The guard lives in the process it guards, so native code is out of its reach. The kernel is not:
//! Landlock refuses files, TCP ports and programs by what they are, seccomp whole system calls.
//! Both need no privilege, bind every child, and are never lifted again. So this is applied by the
//! launcher alone, before the target's first instruction, and never by a context manager.
//!
//! [`plan`] derives from a policy and from what a kernel has what is to be applied, and what stays
//! uncovered; it is a pure function over plain data. [`apply`] does it. A policy that is stricter
//! than a kernel can tell (it knows ports, not hosts) is applied as far as it goes and never
//! further: the layer does not deny what the policy allows, but for the few calls that
//! `docs/guard/kernel.md` lists.

pub mod calls;
pub mod helpers;
pub mod plan;

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
#[path = "kernel/linux.rs"]
pub mod apply;
#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
#[path = "kernel/none.rs"]
pub mod apply;

use std::sync::{Mutex, PoisonError};

use hermetic_policy::Policy;
use hermetic_policy::outline::Outline;

use self::plan::{Extent, Gap, Places, Plan, Support};

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// What the kernel has; the rest is told.
    Auto,
    /// Nothing, where a guarded capability would be wholly uncovered.
    Require,
}

impl Mode {
    /// By the word of the command line.
    pub fn of(text: &str) -> Option<Self> {
        match text {
            "auto" => Some(Self::Auto),
            "require" => Some(Self::Require),
            _ => None,
        }
    }
}

/// What was applied to this process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Landlock's version, 0 where it does nothing here.
    pub landlock: u32,
    /// Whether seccomp refuses calls.
    pub seccomp: bool,
    /// What is denied and not covered; alike ones once.
    pub gaps: Vec<Gap>,
}

impl Report {
    /// Whether anything was applied.
    pub const fn is_active(&self) -> bool {
        self.landlock > 0 || self.seccomp
    }
}

static REPORT: Mutex<Option<Report>> = Mutex::new(None);

/// What was applied to this process or to the one it was started by; `None` for nothing.
pub fn report() -> Option<Report> {
    REPORT.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Note what a process that this one was started by had applied.
pub fn inherit(report: Report) {
    *REPORT.lock().unwrap_or_else(PoisonError::into_inner) = Some(report);
}

/// Apply these policies to the process, for good. The error says what is missing; then nothing
/// has been applied, unless it says otherwise.
pub fn confine(
    policies: &[Policy],
    mode: Mode,
    places: &Places,
    support: Support,
    limited: bool,
) -> Result<Report, String> {
    let mut report = Report::default();
    // Limits are kept even where there is no policy.
    let mut outlines: Vec<_> = policies.iter().map(Policy::outline).collect();
    if outlines.is_empty() && limited {
        outlines.push(Outline::default());
    }
    let plans: Vec<Plan> = outlines
        .iter()
        .map(|outline| {
            let programs = outline.subprocess.iter().flat_map(|guard| &guard.programs);
            let runnable = helpers::of(programs.map(String::as_str));
            Plan::of(outline, &Places { runnable, ..places.clone() }, support, limited)
        })
        .collect();
    for gap in plans.iter().flat_map(|plan| &plan.gaps) {
        if !report.gaps.contains(gap) {
            report.gaps.push(gap.clone());
        }
    }
    let missing: Vec<String> = report
        .gaps
        .iter()
        .filter(|gap| gap.extent == Extent::Wholly)
        .map(|gap| format!("{} ({})", gap.what, gap.why))
        .collect();
    if mode == Mode::Require && !missing.is_empty() {
        return Err(format!("--kernel=require: not covered here: {}", missing.join("; ")));
    }
    for plan in &plans {
        if plan.needs_landlock() {
            apply::landlock(plan, support)
                .map_err(|error| format!("--kernel: Landlock could not be applied: {error}"))?;
            report.landlock = support.landlock;
        }
    }
    for plan in &plans {
        if plan.needs_seccomp() {
            apply::seccomp(plan)
                .map_err(|error| format!("--kernel: seccomp could not be applied: {error}"))?;
            report.seccomp = true;
        }
    }
    inherit(report.clone());
    Ok(report)
}
