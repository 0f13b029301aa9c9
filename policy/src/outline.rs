//! What a policy asks of something that knows ports, paths and programs, and nothing finer: the
//! kernel.
//!
//! An outline is never stricter than the policy. Where the policy tells hosts apart and the kernel
//! cannot, the outline allows, and says that it is coarser.

use alloc::borrow::ToOwned as _;
use alloc::string::String;
use alloc::vec::Vec;

use crate::policy::{FilesystemGuard, NetworkGuard, Policy};

/// A policy as the kernel can enforce it. `None` where a guard is off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// The network.
    pub network: Option<NetworkOutline>,
    /// Processes.
    pub subprocess: Option<SubprocessOutline>,
    /// Files.
    pub filesystem: Option<FilesystemOutline>,
}

/// The network is denied but for what this leaves open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkOutline {
    /// Which ports may be connected to.
    pub ports: Ports,
    /// Whether any Unix socket is allowed.
    pub unix: bool,
    /// Whether any of them is abstract.
    pub abstract_unix: bool,
}

/// Ports of the Internet protocols, for connecting and sending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ports {
    /// None: nothing may be connected to.
    None,
    /// These, at some hosts; sorted.
    Only(Vec<u16>),
    /// Some host is allowed at every port.
    Any,
}

/// Starting processes is denied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubprocessOutline {
    /// But for these programs, by name or by path.
    pub programs: Vec<String>,
}

/// Writing files is denied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilesystemOutline {
    /// Reading is denied outside this folder; in lexical normal form.
    pub root: Option<String>,
}

/// The port of the domain name system: a name is looked up before it is connected to (RFC 1035,
/// 4.2).
const DNS: u16 = 53;

impl Policy {
    /// The policy as something that knows ports, paths and programs can enforce it.
    pub fn outline(&self) -> Outline {
        Outline {
            network: self.network.as_ref().map(network),
            subprocess: self.subprocess.as_ref().map(|guard| SubprocessOutline {
                programs: guard.allow.iter().map(|it| it.as_str().to_owned()).collect(),
            }),
            filesystem: self
                .filesystem
                .as_ref()
                .map(|FilesystemGuard { root }| FilesystemOutline { root: root.clone() }),
        }
    }
}

fn network(guard: &NetworkGuard) -> NetworkOutline {
    let (unix, inet): (Vec<_>, Vec<_>) =
        guard.allow_domains.iter().partition(|pattern| pattern.is_unix());
    let ports = if guard.allow_localhost || inet.iter().any(|pattern| pattern.port().is_none()) {
        Ports::Any
    } else if inet.is_empty() {
        Ports::None
    } else {
        let mut ports: Vec<u16> = inet.iter().filter_map(|pattern| pattern.port()).collect();
        if inet.iter().any(|pattern| pattern.is_name()) {
            ports.push(DNS);
        }
        ports.sort_unstable();
        ports.dedup();
        Ports::Only(ports)
    };
    NetworkOutline {
        ports,
        unix: !unix.is_empty(),
        abstract_unix: unix.iter().any(|pattern| pattern.is_abstract()),
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::{FilesystemOutline, NetworkOutline, Outline, Ports, SubprocessOutline};
    use crate::options::PolicyOptions;

    #[test]
    fn what_hosts_become() {
        for (localhost, domains, ports, unix) in [
            (false, vec![], Ports::None, false),
            (true, vec![], Ports::Any, false),
            (false, vec!["example.com"], Ports::Any, false),
            (false, vec!["example.com:443", "a.example:80"], Ports::Only(vec![53, 80, 443]), false),
            (false, vec!["10.0.0.1:5432"], Ports::Only(vec![5432]), false),
            (true, vec!["10.0.0.1:5432"], Ports::Any, false),
            (false, vec!["unix:/run/a"], Ports::None, true),
        ] {
            let options = PolicyOptions {
                no_network: true,
                allow_localhost: localhost,
                allow_domain: domains.iter().map(|text| (*text).into()).collect(),
                ..Default::default()
            };
            let network = options.build().unwrap().outline().network;
            let expected = NetworkOutline { ports, unix, abstract_unix: false };
            assert_eq!(network, Some(expected), "{localhost} {domains:?}");
        }
    }

    #[test]
    fn a_guard_that_is_off_has_none() {
        assert_eq!(PolicyOptions::default().build().unwrap().outline(), Outline::default());
        let all = PolicyOptions {
            no_network: true,
            allow_domain: vec!["unix:@app".into()],
            no_subprocess: true,
            allow_run: vec!["git".into()],
            fs_root: Some("/srv/./data".into()),
            ..Default::default()
        };
        let outline = all.build().unwrap().outline();
        assert!(outline.network.unwrap().abstract_unix);
        assert_eq!(outline.subprocess, Some(SubprocessOutline { programs: vec!["git".into()] }));
        let root = Some("/srv/data".into());
        assert_eq!(outline.filesystem, Some(FilesystemOutline { root }));
    }
}
