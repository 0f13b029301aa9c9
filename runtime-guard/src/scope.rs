//! Which policies are open, process-wide.
//!
//! Any number may be open, in any threads, and close in any order; an act needs the consent of
//! every one. The open policies are one immutable value, exchanged whole, so that the hook reads
//! it without a lock while others open and close. Each thread keeps the one it read last, with the
//! number it was published under: as long as that is the last one, reading costs one load.

use std::cell::Cell;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;
use hermetic_policy::{Capability, Policy, PolicyOptions};

use crate::events::{self, COUNT};

/// One open policy.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Open {
    id: u64,
    /// What it denies.
    pub policy: Policy,
    /// What it was made of, profiles taken apart.
    pub options: PolicyOptions,
    /// Whether denied acts are told on standard error.
    pub trace: bool,
    /// Whether it was enough to enforce part of it.
    pub best_effort: bool,
    /// Whether a Python program that cannot be guarded may be started.
    pub unguarded_children: bool,
    /// Whether it only watches: what it denies is noted and done.
    pub observes: bool,
}

/// How a policy is enforced.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manner {
    /// Whether denied acts are told on standard error.
    pub trace: bool,
    /// Whether it is enough to enforce part of it.
    pub best_effort: bool,
    /// Whether a Python program that cannot be guarded may be started.
    pub unguarded_children: bool,
}

impl Open {
    /// A policy for [`Stack::push_again`], which is opened and closed over and over.
    pub fn standing(policy: Policy, options: PolicyOptions, best_effort: bool) -> Self {
        // Numbers of their own, from the other end.
        static LAST: AtomicU64 = AtomicU64::new(u64::MAX);
        let id = LAST.fetch_sub(1, Ordering::AcqRel);
        let (trace, unguarded_children, observes) = (false, false, false);
        Self { id, policy, options, trace, best_effort, unguarded_children, observes }
    }

    /// A standing policy that only watches.
    pub fn watching(policy: Policy, options: PolicyOptions) -> Self {
        let watching = Self::standing(policy, options, true);
        Self { unguarded_children: true, observes: true, ..watching }
    }
}

/// Every open policy; at least one.
#[derive(Debug)]
pub struct Active {
    /// In the order they were opened.
    pub open: Vec<Arc<Open>>,
}

impl Active {
    /// Whether any open policy guards this capability.
    pub fn guards(&self, capability: Capability) -> bool {
        self.open.iter().any(|open| open.policy.guards(capability))
    }

    /// Whether processes are denied but for programs that are named.
    pub fn allows_programs(&self) -> bool {
        self.open
            .iter()
            .any(|open| open.options.no_subprocess && !open.options.allow_run.is_empty())
    }

    /// Whether any open policy guards this capability, and does not only watch.
    pub fn enforces(&self, capability: Capability) -> bool {
        self.open.iter().any(|open| !open.observes && open.policy.guards(capability))
    }

    /// Whether any open policy lets some files be changed and others not.
    pub fn has_writable(&self) -> bool {
        self.open.iter().any(|open| !open.options.allow_write.is_empty())
    }

    /// Whether any open policy has a root to read from.
    pub fn has_root(&self) -> bool {
        self.roots().next().is_some()
    }

    /// The roots of the open policies.
    pub fn roots(&self) -> impl Iterator<Item = &str> {
        self.open.iter().filter_map(|open| open.options.fs_root.as_deref())
    }

    /// What the open policies let be changed.
    pub fn writable(&self) -> impl Iterator<Item = &str> {
        self.open.iter().flat_map(|open| open.options.allow_write.iter().map(String::as_str))
    }

    /// Whether the heap holds what these policies rest on or keep back: modules, the environment,
    /// loaders. Network, processes and files are guarded at every call, whoever finds the function.
    pub fn hides_in_heap(&self) -> bool {
        use Capability as C;
        [C::Environment, C::DynamicCode, C::Imports, C::Native, C::Interpreter]
            .iter()
            .any(|capability| self.guards(*capability))
    }

    /// Whether any open policy wants denied acts told.
    pub fn traces(&self) -> bool {
        self.open.iter().any(|open| open.trace)
    }
}

/// The open policies as they are opened and closed; plain data.
#[derive(Debug, Default)]
pub struct Stack {
    open: Vec<Arc<Open>>,
    last_id: u64,
    sealed: bool,
}

impl Stack {
    /// An empty stack.
    pub const fn new() -> Self {
        Self { open: Vec::new(), last_id: 0, sealed: false }
    }

    /// Open a policy; the number closes it again.
    pub fn push(&mut self, policy: Policy, options: PolicyOptions, manner: Manner) -> u64 {
        let Manner { trace, best_effort, unguarded_children } = manner;
        self.last_id += 1;
        let id = self.last_id;
        let observes = false;
        let open = Open { id, policy, options, trace, best_effort, unguarded_children, observes };
        self.open.push(Arc::new(open));
        self.last_id
    }

    /// Open a standing policy, unless it is open.
    pub fn push_again(&mut self, open: &Arc<Open>) {
        if !self.open.iter().any(|known| known.id == open.id) {
            self.open.push(Arc::clone(open));
        }
    }

    /// Close a standing policy; whether it was open.
    pub fn close_again(&mut self, open: &Open) -> bool {
        self.close(open.id)
    }

    /// Whether anything is open.
    pub const fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Close a policy, wherever it stands; whether it was open. A sealed stack closes nothing.
    pub fn close(&mut self, id: u64) -> bool {
        let before = self.open.len();
        if !self.sealed {
            self.open.retain(|open| open.id != id);
        }
        self.open.len() < before
    }

    /// Never close anything again.
    pub const fn seal(&mut self) {
        self.sealed = true;
    }

    /// Whether it is sealed.
    pub const fn is_sealed(&self) -> bool {
        self.sealed
    }

    /// The open policies as one value; `None` where there is none.
    pub fn active(&self) -> Option<Arc<Active>> {
        (!self.open.is_empty()).then(|| Arc::new(Active { open: self.open.clone() }))
    }
}

static STACK: Mutex<Stack> = Mutex::new(Stack::new());
static ACTIVE: ArcSwapOption<Active> = ArcSwapOption::const_empty();
/// Raised by one whenever [`ACTIVE`] was exchanged, and after it.
static PUBLISHED: AtomicU64 = AtomicU64::new(0);
static INTEREST: [AtomicBool; COUNT] = [const { AtomicBool::new(false) }; COUNT];

/// The stack, locked. Whoever changes it calls [`publish`] before letting go.
pub fn stack() -> MutexGuard<'static, Stack> {
    STACK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Make the stack's policies the ones that judge.
pub fn publish(stack: &Stack) {
    let active = stack.active();
    for (index, interest) in INTEREST.iter().enumerate() {
        let wanted = active.as_ref().is_some_and(|active| wants(active, index));
        interest.store(wanted, Ordering::Release);
    }
    exchange(active);
}

/// The only way: a thread that has read others before reads again.
fn exchange(active: Option<Arc<Active>>) {
    ACTIVE.store(active);
    PUBLISHED.fetch_add(1, Ordering::Release);
}

thread_local! {
    /// What this thread read last; not there while it is in use.
    static READ: Cell<Option<(u64, Option<Arc<Active>>)>> = const { Cell::new(None) };
}

/// The open policies as they were when they were asked for, until this is dropped.
#[derive(Debug)]
pub struct Current(u64, Option<Arc<Active>>);

impl Deref for Current {
    type Target = Option<Arc<Active>>;

    fn deref(&self) -> &Self::Target {
        &self.1
    }
}

impl Drop for Current {
    fn drop(&mut self) {
        let read = (self.0, self.1.take());
        // A thread that is ending keeps nothing.
        let _ = READ.try_with(|kept| kept.set(Some(read)));
    }
}

/// Make a policy that is open alone, or none, the one that judges; `wanted` says which events it may
/// object to, as [`wanted_by`] found out before.
pub fn publish_known(active: Option<Arc<Active>>, wanted: Option<&[bool; COUNT]>) {
    for (index, interest) in INTEREST.iter().enumerate() {
        let is_wanted = wanted.and_then(|wanted| wanted.get(index)).copied().unwrap_or(false);
        interest.store(is_wanted, Ordering::Release);
    }
    exchange(active);
}

/// Which events these policies may object to, by their places in [`events::EVENTS`].
pub fn wanted_by(active: &Active) -> [bool; COUNT] {
    let mut wanted = [false; COUNT];
    for (index, is_wanted) in wanted.iter_mut().enumerate() {
        *is_wanted = wants(active, index);
    }
    wanted
}

/// The open policies; `None` where there is none. No lock.
pub fn active() -> Current {
    // Before the policies: what is read then is at least as new as the number.
    let published = PUBLISHED.load(Ordering::Acquire);
    match READ.try_with(Cell::take) {
        Ok(Some((number, read))) if number == published => Current(number, read),
        _ => Current(published, ACTIVE.load_full()),
    }
}

/// Whether any open policy may object to the event at this place of [`events::EVENTS`].
pub fn is_interesting(event: usize) -> bool {
    INTEREST.get(event).is_some_and(|interest| interest.load(Ordering::Acquire))
}

fn wants(active: &Active, event: usize) -> bool {
    use Capability as C;
    match events::EVENTS.get(event).map(|event| event.name) {
        Some("open") => {
            active.guards(C::Filesystem)
                || active.guards(C::Environment)
                || active.guards(C::Native)
        }
        Some("import") => {
            [C::Imports, C::Native, C::Subprocess, C::DynamicCode].iter().any(|c| active.guards(*c))
        }
        // A Unix socket is a file.
        Some("socket.bind") => active.guards(C::Network) || active.guards(C::Filesystem),
        // The guard's own objects, whatever is guarded.
        Some("object.__setattr__" | "object.__delattr__") => true,
        // By itself a code object reaches nothing that other guards do not see.
        Some("code.__new__") => active.guards(C::DynamicCode) || active.guards(C::Native),
        Some(_) => events::rules_of(event).iter().any(|rule| active.guards(rule.capability)),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Active, Manner, Stack, wants};
    use crate::events;
    use hermetic_policy::PolicyOptions;

    fn options(no_network: bool, no_subprocess: bool) -> PolicyOptions {
        PolicyOptions { no_network, no_subprocess, ..Default::default() }
    }

    fn push(stack: &mut Stack, options: PolicyOptions) -> u64 {
        stack.push(options.build().unwrap(), options, Manner::default())
    }

    fn wanted(active: &Active, name: &str) -> bool {
        wants(active, events::find(name.as_bytes()).unwrap())
    }

    #[test]
    fn policies_close_in_any_order() {
        let mut stack = Stack::new();
        let network = push(&mut stack, options(true, false));
        let both = push(&mut stack, options(true, true));
        let processes = push(&mut stack, options(false, true));
        assert!(stack.close(network) && !stack.close(network));
        let active = stack.active().unwrap();
        assert!(wanted(&active, "socket.connect") && wanted(&active, "os.system"));
        assert!(stack.close(both));
        let active = stack.active().unwrap();
        assert!(!wanted(&active, "socket.connect") && wanted(&active, "os.system"));
        assert!(stack.close(processes));
        assert!(stack.active().is_none());
    }

    #[test]
    fn a_sealed_stack_closes_nothing_and_still_opens() {
        let mut stack = Stack::new();
        let id = push(&mut stack, options(true, false));
        stack.seal();
        assert!(!stack.close(id));
        let later = push(&mut stack, options(false, true));
        assert!(!stack.close(later));
        assert_eq!(stack.active().unwrap().open.len(), 2);
    }

    #[test]
    fn only_what_a_policy_guards_is_looked_at() {
        let mut stack = Stack::new();
        push(&mut stack, options(true, false));
        let active = stack.active().unwrap();
        for (event, is_wanted) in [
            ("socket.connect", true),
            ("code.__new__", false),
            ("object.__setattr__", true),
            ("open", false),
            ("import", false),
            ("compile", false),
            ("os.listdir", false),
        ] {
            assert_eq!(wanted(&active, event), is_wanted, "{event}");
        }
    }
}
