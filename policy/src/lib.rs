//! Rules and decisions, shared by both faces of hermetic.
//!
//! A Python program can reach the network, start processes, change files, read the environment,
//! make code out of data and load native code. hermetic tells people what a program reaches. It
//! has two faces: an analyzer, which reads the source before anything runs, and a guard, which
//! stands inside the running interpreter. Two tools that judge the same program must not disagree,
//! so neither of them judges. They describe what they see, and this crate answers. (The guard is
//! still to be written; the analyzer is here.)
//!
//! # How an answer comes about
//!
//! A face sees a line such as `socket.create_connection(("api.example.com", 443))`. Some [`Rule`]
//! has that function among its [`Trigger`]s, and the rule says what the call does: its [`Verb`],
//! here "connect". The face reads the operand, the thing it is done to, and puts both together
//! into an [`Act`]. [`Policy::decide`] takes the act and gives back a [`Decision`]: allow, deny
//! with the reason, or undecided with the reason. No other function makes a decision, and no other
//! crate can.
//!
//! [`message`] turns the decision into what the user reads: what happened, why it is denied, and
//! which flag would allow it. The sentence in the terminal is the sentence in the traceback.
//!
//! # What is not known
//!
//! The guard stands where the call happens and knows the host. The analyzer may find only
//! `connect(address)`. It then says [`Operand::Unknown`], and one law keeps the two faces honest:
//! whatever is decided for an unknown operand holds for everything it may turn out to be. If the
//! policy denies the whole network, the unknown connection is denied. If it allows one host, the
//! unknown connection is undecided, and the guard will see. Where everything is known, nothing is
//! undecided. So a program the analyzer allows is not stopped by the guard for the same act; that
//! is a property test (`tests/laws.rs`), not a hope.
//!
//! For this to hold, both faces must compare the same spelling. `127.1`, `0x7f000001` and
//! `[::ffff:127.0.0.1]` are one host, and `/tmp/../etc` is `/etc`. [`Host`] and [`ResolvedPath`]
//! can be made only by their normalisers, in [`pattern`].
//!
//! # Where a policy comes from
//!
//! From flags ([`options`]), from a named bundle of flags ([`profile`]), or from TOML text
//! ([`config`]). All of them become [`PolicyOptions`], which join and then [build](PolicyOptions::build)
//! the policy. Text comes in and plain data goes out: the crate opens no file, asks no clock and
//! knows no Python. It builds without the standard library, so it could not if it wanted to.
//!
//! # Where a rule lives
//!
//! In two places, and nowhere else: a static in [`rules`], and a page `policy/rules/<name>.md` with
//! the same name. The page is the documentation, the hover text, and, through its examples, the
//! test of both faces.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod act;
pub mod capability;
pub mod config;
pub mod message;
pub mod modules;
pub mod operand;
pub mod options;
pub mod outline;
pub mod pattern;
pub mod policy;
pub mod profile;
pub mod rule;
pub mod rules;
pub mod suggest;

pub use act::{Act, Verb};
pub use capability::Capability;
pub use operand::{Endpoint, Host, Operand, ResolvedPath};
pub use options::{PolicyError, PolicyOptions};
pub use policy::{Decision, Policy, Verdict, Why};
pub use rule::{Level, Rule, Trigger};
