//! Landlock and seccomp, as Linux has them.

use std::collections::BTreeMap;
use std::fmt::Display;

use landlock::{
    ABI, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, NetPort, PathBeneath, PathFd,
    Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, Scope,
};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

use super::calls::{self, Call, Condition, Test};
use super::plan::{Access, Plan, Support};
use crate::ffi::kernel;

#[cfg(target_arch = "x86_64")]
const PROCESSOR: TargetArch = TargetArch::x86_64;
#[cfg(target_arch = "aarch64")]
const PROCESSOR: TargetArch = TargetArch::aarch64;

/// What this kernel has.
pub fn support() -> Support {
    let threads = std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
    Support { landlock: kernel::landlock(), seccomp: kernel::seccomp(), threads: threads > 1 }
}

/// The newest version known here that the kernel has as well.
const fn version(support: Support) -> ABI {
    match support.landlock {
        0 => ABI::Unsupported,
        1 => ABI::V1,
        2 => ABI::V2,
        3 => ABI::V3,
        4 => ABI::V4,
        5 => ABI::V5,
        6 => ABI::V6,
        _ => ABI::V7,
    }
}

/// What an access is to Landlock. Devices that are open already may be asked and told things
/// (`ioctl(2)`), since terminals need it.
fn rights(access: Access, version: ABI) -> BitFlags<AccessFs> {
    match access {
        Access::Read => AccessFs::ReadFile | AccessFs::ReadDir,
        Access::Write => AccessFs::from_write(version) & !BitFlags::from(AccessFs::IoctlDev),
        Access::Execute => AccessFs::Execute.into(),
    }
}

fn all(accesses: &[Access], version: ABI) -> BitFlags<AccessFs> {
    accesses.iter().fold(BitFlags::EMPTY, |rights_, access| rights_ | rights(*access, version))
}

fn text(error: impl Display) -> String {
    error.to_string()
}

/// Restrict this thread, and with it everything it starts.
pub fn landlock(plan: &Plan, support: Support) -> Result<(), String> {
    let version = version(support);
    // What the kernel has was asked: anything less than the plan is an error.
    let mut ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    let handled = plan.files.as_ref().map(|files| all(&files.handled, version));
    if let Some(handled) = handled {
        ruleset = ruleset.handle_access(handled).map_err(text)?;
    }
    if plan.ports.is_some() {
        ruleset = ruleset.handle_access(AccessNet::ConnectTcp).map_err(text)?;
    }
    if plan.signals {
        ruleset = ruleset.scope(Scope::Signal).map_err(text)?;
    }
    if plan.abstract_sockets {
        ruleset = ruleset.scope(Scope::AbstractUnixSocket).map_err(text)?;
    }
    let mut ruleset = ruleset.create().map_err(text)?;
    if let (Some(files), Some(handled)) = (&plan.files, handled) {
        for (path, accesses) in &files.rules {
            // What is not there cannot be reached.
            let Ok(place) = PathFd::new(path) else { continue };
            let mut allowed = all(accesses, version) & handled;
            if !std::path::Path::new(path).is_dir() {
                allowed &= AccessFs::from_file(version);
            }
            if !allowed.is_empty() {
                ruleset = ruleset.add_rule(PathBeneath::new(place, allowed)).map_err(text)?;
            }
        }
    }
    for port in plan.ports.iter().flatten() {
        ruleset = ruleset.add_rule(NetPort::new(*port, AccessNet::ConnectTcp)).map_err(text)?;
    }
    ruleset.restrict_self().map(|_| ()).map_err(text)
}

/// Refuse calls, in every thread of this process and everything it starts.
pub fn seccomp(plan: &Plan) -> Result<(), String> {
    let mut rules = BTreeMap::<i64, Vec<SeccompRule>>::new();
    let mut always = Vec::new();
    for call in &plan.calls {
        let Some(number) = calls::number(call.name) else { continue };
        if call.when.is_empty() {
            always.push(number);
        }
        rules.entry(number).or_default().extend(conditions(call)?);
    }
    for number in always {
        rules.insert(number, Vec::new());
    }
    let missing = plan
        .missing
        .iter()
        .filter_map(|name| calls::number(name))
        .map(|number| (number, Vec::new()))
        .collect();
    for (rules, error) in [(rules, libc::EACCES), (missing, libc::ENOSYS)] {
        if rules.is_empty() {
            continue;
        }
        let error = u32::try_from(error).map_err(text)?;
        let filter =
            SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(error), PROCESSOR)
                .map_err(text)?;
        let program: BpfProgram = filter.try_into().map_err(text)?;
        seccompiler::apply_filter_all_threads(&guarded(program)).map_err(text)?;
    }
    Ok(())
}

fn conditions(call: &Call) -> Result<Vec<SeccompRule>, String> {
    call.when
        .iter()
        .map(|all| {
            let all = all.iter().map(|one| condition(*one)).collect::<Result<Vec<_>, _>>()?;
            SeccompRule::new(all).map_err(text)
        })
        .collect()
}

fn condition(condition: Condition) -> Result<SeccompCondition, String> {
    let (length, operator, value) = match condition.test {
        Test::Is(value) => (SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value),
        Test::IsNot(value) => (SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, value),
        Test::Masked(mask, value) => (SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(mask), value),
        Test::Given => (SeccompCmpArgLen::Qword, SeccompCmpOp::Ne, 0),
    };
    SeccompCondition::new(condition.argument, length, operator, value).map_err(text)
}

/// The second set of numbers that x86-64 kernels may answer to (`asm/unistd.h`,
/// `__X32_SYSCALL_BIT`): no list of the first would meet it.
#[cfg(target_arch = "x86_64")]
fn guarded(program: BpfProgram) -> BpfProgram {
    use seccompiler::sock_filter;
    const X32: u32 = 0x4000_0000;
    // linux/bpf_common.h: load a word from a place; jump if at least; return.
    const LOAD: u16 = 0x20;
    const JUMP_IF_AT_LEAST: u16 = 0x35;
    const RETURN: u16 = 0x06;
    const REFUSE: u32 = libc::SECCOMP_RET_ERRNO | (libc::ENOSYS as u32 & 0xffff);
    let mut all = vec![
        sock_filter { code: LOAD, jt: 0, jf: 0, k: 0 },
        sock_filter { code: JUMP_IF_AT_LEAST, jt: 0, jf: 1, k: X32 },
        sock_filter { code: RETURN, jt: 0, jf: 0, k: REFUSE },
    ];
    all.extend(program);
    all
}

#[cfg(not(target_arch = "x86_64"))]
fn guarded(program: BpfProgram) -> BpfProgram {
    program
}
