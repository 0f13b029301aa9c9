//! Named bundles of flags.

use crate::options::PolicyOptions;
use crate::suggest::did_you_mean;

/// A bundle of flags by name, for `--profile`.
#[derive(Debug)]
pub struct Profile {
    /// The name.
    pub name: &'static str,
    /// What it denies: lower case, no full stop.
    pub summary: &'static str,
    /// The flags it stands for.
    pub options: fn() -> PolicyOptions,
}

/// Every profile.
pub static PROFILES: [Profile; 5] = [
    Profile {
        name: "block-all",
        summary: "denies the network, subprocesses, writing files, the environment, dynamic code, \
                  interpreter changes and native code",
        options: || PolicyOptions {
            no_network: true,
            no_subprocess: true,
            fs_readonly: true,
            no_environment: true,
            no_code_exec: true,
            no_interpreter_mutation: true,
            block_native: true,
            ..PolicyOptions::default()
        },
    },
    Profile {
        name: "net-hermetic",
        summary: "denies the network but for localhost",
        options: || PolicyOptions {
            no_network: true,
            allow_localhost: true,
            ..PolicyOptions::default()
        },
    },
    Profile {
        name: "exec-deny",
        summary: "denies subprocesses",
        options: || PolicyOptions { no_subprocess: true, ..PolicyOptions::default() },
    },
    Profile {
        name: "fs-readonly",
        summary: "denies writing files",
        options: || PolicyOptions { fs_readonly: true, ..PolicyOptions::default() },
    },
    Profile {
        name: "block-native",
        summary: "denies native code",
        options: || PolicyOptions { block_native: true, ..PolicyOptions::default() },
    },
];

/// The profile of that name.
pub fn find(name: &str) -> Result<&'static Profile, UnknownProfile> {
    PROFILES.iter().find(|profile| profile.name == name).ok_or_else(|| UnknownProfile {
        name: name.into(),
        suggestion: did_you_mean(name, PROFILES.iter().map(|profile| profile.name)),
    })
}

/// No profile has that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown profile `{name}`; {}", self.advice())]
pub struct UnknownProfile {
    /// What was written.
    pub name: alloc::string::String,
    /// The profile that was perhaps meant.
    pub suggestion: Option<&'static str>,
}

impl UnknownProfile {
    fn advice(&self) -> alloc::string::String {
        match self.suggestion {
            Some(name) => alloc::format!("did you mean `{name}`"),
            None => alloc::format!("known are {}", PROFILES.each_ref().map(|p| p.name).join(", ")),
        }
    }
}
