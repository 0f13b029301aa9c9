//! The flags of a policy as plain data, before they become a [`Policy`].

use alloc::borrow::{Cow, ToOwned as _};
use alloc::string::String;
use alloc::vec::Vec;

use crate::pattern::host::{HostPattern, HostPatternError};
use crate::pattern::module::{ModulePattern, ModulePatternError};
use crate::pattern::path;
use crate::pattern::program::{ProgramPattern, ProgramPatternError};
use crate::policy::{FilesystemGuard, NativeGuard, NetworkGuard, Policy, SubprocessGuard};
use crate::profile::{self, UnknownProfile};

/// What the command line, a configuration file or a profile asks for.
///
/// `allow_localhost` and `allow_domain` only make holes in a network guard, `allow_run` in the one
/// of processes and `allow_native` in the one of native code. Without `no_network` there is nothing to make them in: they are accepted and do nothing, as in hermetic-seal, so
/// that a configuration may list hosts and a command line or profile choose the guard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one flag of the command line")]
pub struct PolicyOptions {
    /// `--profile`, repeated
    pub profile: Vec<String>,
    /// `--no-network`
    pub no_network: bool,
    /// `--allow-localhost`
    pub allow_localhost: bool,
    /// `--allow-domain`, repeated
    pub allow_domain: Vec<String>,
    /// `--no-subprocess`
    pub no_subprocess: bool,
    /// `--allow-run`, repeated; only makes holes in `no_subprocess`
    pub allow_run: Vec<String>,
    /// `--fs-readonly`
    pub fs_readonly: bool,
    /// `--fs-readonly=ROOT`; implies `fs_readonly`. The face that read it makes it absolute,
    /// against the working directory or the configuration file's folder.
    pub fs_root: Option<String>,
    /// `--no-environment`
    pub no_environment: bool,
    /// `--no-code-exec`
    pub no_code_exec: bool,
    /// `--no-interpreter-mutation`
    pub no_interpreter_mutation: bool,
    /// `--block-native`
    pub block_native: bool,
    /// `--allow-native`, repeated; only makes holes in `block_native`
    pub allow_native: Vec<String>,
    /// `--deny-import`, repeated
    pub deny_import: Vec<String>,
}

/// Why options do not make a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// `--profile`
    #[error("--profile: {0}")]
    Profile(#[from] UnknownProfile),
    /// `--allow-domain`
    #[error("--allow-domain: {0}")]
    AllowDomain(#[from] HostPatternError),
    /// `--allow-run`
    #[error("--allow-run: {0}")]
    AllowRun(#[from] ProgramPatternError),
    /// `--allow-native`
    #[error("--allow-native: {0}")]
    AllowNative(ModulePatternError),
    /// `--deny-import`
    #[error("--deny-import: {0}")]
    DenyImport(ModulePatternError),
    /// `--fs-readonly=ROOT` that is relative, or no path at all.
    #[error("--fs-readonly: `{0}` is not an absolute path")]
    RelativeRoot(String),
}

impl PolicyOptions {
    /// What either asks for. Lists are joined without repeats; where both have a root, `other`'s
    /// is taken, so pass what was said last or most specifically as `other`.
    pub fn union(mut self, other: Self) -> Self {
        // Taken apart in full, so that a new flag cannot be forgotten here.
        let Self {
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
        } = other;
        join(&mut self.profile, profile);
        self.no_network |= no_network;
        self.allow_localhost |= allow_localhost;
        join(&mut self.allow_domain, allow_domain);
        self.no_subprocess |= no_subprocess;
        join(&mut self.allow_run, allow_run);
        self.fs_readonly |= fs_readonly;
        self.fs_root = fs_root.or(self.fs_root);
        self.no_environment |= no_environment;
        self.no_code_exec |= no_code_exec;
        self.no_interpreter_mutation |= no_interpreter_mutation;
        self.block_native |= block_native;
        join(&mut self.allow_native, allow_native);
        join(&mut self.deny_import, deny_import);
        self
    }

    /// The same with the flags of its profiles beside its own, and no profile left.
    pub fn expand_profiles(&self) -> Result<Self, UnknownProfile> {
        let mut options = Self { profile: Vec::new(), ..self.clone() };
        for name in &self.profile {
            options = options.union((profile::find(name)?.options)());
        }
        Ok(options)
    }

    /// Build the policy.
    pub fn build(&self) -> Result<Policy, PolicyError> {
        let options = self.expand_profiles()?;
        // Read even where no guard uses them: a typo is one whatever the flags.
        let allow_domains = options
            .allow_domain
            .iter()
            .map(|text| HostPattern::parse(text))
            .collect::<Result<Vec<_>, _>>()?;
        let allow_run = options
            .allow_run
            .iter()
            .map(|text| ProgramPattern::parse(text))
            .collect::<Result<Vec<_>, _>>()?;
        let modules = |texts: &[String]| {
            texts.iter().map(|text| ModulePattern::parse(text)).collect::<Result<Vec<_>, _>>()
        };
        let allow_native = modules(&options.allow_native).map_err(PolicyError::AllowNative)?;
        let deny_imports = modules(&options.deny_import).map_err(PolicyError::DenyImport)?;
        let root = options
            .fs_root
            .as_deref()
            .map(|root| {
                path::normalise(root)
                    .map(Cow::into_owned)
                    .ok_or_else(|| PolicyError::RelativeRoot(root.to_owned()))
            })
            .transpose()?;
        Ok(Policy {
            network: options.no_network.then_some(NetworkGuard {
                allow_localhost: options.allow_localhost,
                allow_domains,
            }),
            subprocess: options.no_subprocess.then_some(SubprocessGuard { allow: allow_run }),
            filesystem: (options.fs_readonly || root.is_some()).then_some(FilesystemGuard { root }),
            environment: options.no_environment,
            code_exec: options.no_code_exec,
            interpreter: options.no_interpreter_mutation,
            native: options.block_native.then_some(NativeGuard { allow: allow_native }),
            deny_imports,
        })
    }
}

fn join(list: &mut Vec<String>, more: Vec<String>) {
    for item in more {
        if !list.contains(&item) {
            list.push(item);
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;
    use alloc::vec;

    use super::{PolicyError, PolicyOptions};
    use crate::capability::Capability;
    use crate::profile::PROFILES;

    #[test]
    fn profiles_guard_what_they_name() {
        use Capability as C;
        for (name, guarded) in [
            (
                "block-all",
                vec![
                    C::Network,
                    C::Subprocess,
                    C::Filesystem,
                    C::Environment,
                    C::DynamicCode,
                    C::Native,
                    C::Interpreter,
                    C::Integrity,
                ],
            ),
            ("net-hermetic", vec![C::Network, C::Integrity]),
            ("exec-deny", vec![C::Subprocess, C::Integrity]),
            ("fs-readonly", vec![C::Filesystem, C::Integrity]),
            ("block-native", vec![C::Native, C::Integrity]),
        ] {
            let options = PolicyOptions { profile: vec![name.into()], ..Default::default() };
            let policy = options.build().unwrap();
            for capability in C::ALL {
                assert_eq!(
                    policy.guards(capability),
                    guarded.contains(&capability),
                    "{name} {capability}"
                );
            }
        }
        assert_eq!(PROFILES.len(), 5);
    }

    #[test]
    fn union_keeps_both_and_prefers_the_later_root() {
        let file = PolicyOptions {
            no_network: true,
            allow_domain: vec!["a.example".into()],
            fs_root: Some("/srv".into()),
            ..Default::default()
        };
        let flags = PolicyOptions {
            no_subprocess: true,
            allow_domain: vec!["a.example".into(), "b.example".into()],
            fs_root: Some("/srv/data".into()),
            ..Default::default()
        };
        let both = file.clone().union(flags.clone());
        assert!(both.no_network && both.no_subprocess);
        assert_eq!(both.allow_domain, ["a.example", "b.example"]);
        assert_eq!(both.fs_root.as_deref(), Some("/srv/data"));
        assert_eq!(flags.union(file).fs_root.as_deref(), Some("/srv"));
    }

    #[test]
    fn allow_flags_alone_guard_nothing() {
        let options = PolicyOptions {
            allow_localhost: true,
            allow_domain: vec!["a.example".into()],
            allow_native: vec!["numpy".into()],
            allow_run: vec!["git".into()],
            ..Default::default()
        };
        assert!(options.build().unwrap().is_empty());
    }

    #[test]
    fn errors_name_the_flag() {
        let error = |options: PolicyOptions| options.build().unwrap_err().to_string();
        assert_eq!(
            error(PolicyOptions { profile: vec!["blockall".into()], ..Default::default() }),
            "--profile: unknown profile `blockall`; did you mean `block-all`"
        );
        assert_eq!(
            error(PolicyOptions {
                allow_domain: vec!["https://a.example/".into()],
                ..Default::default()
            }),
            "--allow-domain: `https://a.example/` is a URL; write its host alone"
        );
        assert_eq!(
            PolicyOptions { fs_root: Some("data".into()), ..Default::default() }.build(),
            Err(PolicyError::RelativeRoot("data".into()))
        );
        assert!(
            PolicyOptions { deny_import: vec!["a b".into()], ..Default::default() }
                .build()
                .is_err()
        );
        assert_eq!(
            error(PolicyOptions { allow_native: vec!["a-b".into()], ..Default::default() }),
            "--allow-native: `a-b` is no dotted module name"
        );
    }
}
