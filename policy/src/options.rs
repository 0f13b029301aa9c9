//! The flags of a policy as plain data, before they become a [`Policy`].
use alloc::string::String;
use alloc::vec::Vec;

use crate::policy::Policy;

/// What the command line, a configuration file or a profile asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyOptions {
    /// `--no-network`
    pub no_network: bool,
    /// `--allow-localhost`
    pub allow_localhost: bool,
    /// `--allow-domain`, repeated
    pub allow_domain: Vec<String>,
    /// `--no-subprocess`
    pub no_subprocess: bool,
    /// `--fs-readonly`
    pub fs_readonly: bool,
    /// `--fs-readonly=ROOT`
    pub fs_root: Option<String>,
    /// `--no-environment`
    pub no_environment: bool,
    /// `--no-code-exec`
    pub no_code_exec: bool,
    /// `--no-interpreter-mutation`
    pub no_interpreter_mutation: bool,
    /// `--block-native`
    pub block_native: bool,
    /// `--deny-import`, repeated
    pub deny_import: Vec<String>,
}

impl PolicyOptions {
    /// Build the policy.
    pub fn build(&self) -> Policy {
        Policy::default()
    }
}
