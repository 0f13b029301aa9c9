//! hermetic's runtime guard: the rules of `hermetic-policy`, enforced inside CPython.
//!
//! CPython tells of what a program is about to do, through audit events (PEP 578): a file is
//! opened, a name looked up, a process started. A hook that is installed from native code hears of
//! every one of them in every thread, cannot be removed, and can refuse. So a policy holds whoever
//! asks and by whatever reference: the guard is not in `socket.socket` or `builtins.open`, which a
//! program may have kept or replaced, but below them.
//!
//! # From an event to a refusal
//!
//! [`hook`] gets the event's name and arguments. Nearly all events leave at once: no rule names
//! them, or no open policy guards what they tell ([`events`]). The others are read into
//! [deeds](deed): what is done, and to what, as the arguments say it. A path or a host is brought
//! into its normal form where a policy needs it ([`resolve`]), and the deed has become an
//! [`hermetic_policy::Act`]. `Policy::decide` is the only judge, the same that the analyzer asks.
//! A refusal is raised as `PolicyViolation`, recorded and, on request, told ([`denied`]).
//!
//! # What raises no event
//!
//! Some C functions act without a word: `mkfifo`, `listen`, every read of the environment. They
//! are guarded in place: [`slots`] puts a function of the guard's own where the interpreter looks
//! up the C function each time it is called, which reaches references that were taken before.
//! [`shims`] guards Python functions and dictionaries the same way.
//!
//! # Which policies
//!
//! [`scope`] has the open ones. They are opened and closed by opaque tokens, in any order and in
//! any thread, and an act needs the consent of all. Nothing here lets a program widen a policy
//! that is open, and a sealed process can close none.
//!
//! # Below the process
//!
//! What native code does no function of the interpreter sees. [`kernel`] hands the same policies to
//! Landlock and seccomp, where a launcher asks for it before the program starts.

pub mod arguments;
pub mod calls;
pub mod children;
pub mod code;
pub mod deed;
pub mod denied;
pub mod events;
pub mod exempt;
mod ffi;
pub mod generated;
pub mod hook;
pub mod imports;
pub mod kernel;
pub mod lookups;
mod native;
pub mod origin;
pub mod proc;
pub mod protect;
pub mod recent;
pub mod resolve;
pub mod scope;
pub mod shims;
mod slots;
pub mod status;
pub mod trust;
pub mod value;
