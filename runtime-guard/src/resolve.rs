//! Deeds to acts: the hosts and paths of a deed in the normal form that policies compare.
//!
//! The only file that asks the operating system about a path. It does so last: where a policy
//! decides the same for every path, none is resolved.

use std::borrow::Cow;
use std::net::IpAddr;
use std::path::{Component, Path, PathBuf};

use hermetic_policy::pattern::url::UrlHost;
use hermetic_policy::{Act, Decision, Endpoint, Host, Operand, Policy, ResolvedPath, Verb};

use crate::deed::{Object, PathObject, PathPlace};
use crate::lookups;

/// An operand in normal form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exact {
    /// What the act is done to is not known.
    Unknown,
    /// An endpoint.
    Endpoint(Endpoint<'static>),
    /// An absolute path without links.
    Path(String),
    /// A name, as it is.
    Name(String),
}

/// The operand in normal form, without asking the system: paths stay unknown.
pub fn without_system(object: &Object<'_>) -> Exact {
    match object {
        Object::Nothing | Object::Path(_) => Exact::Unknown,
        Object::Name(name) => Exact::Name(name.clone().into_owned()),
        // CPython puts it into ASCII with a codec, which is Python code and may be another by now.
        Object::Host(host, Some(_)) if !host.is_ascii() => Exact::Unknown,
        Object::Host(host, port) => match Host::parse(host) {
            Some(host) => Exact::Endpoint(Endpoint::Inet { host, port: *port }),
            None => Exact::Unknown,
        },
        Object::Unix(path) => {
            Exact::Endpoint(Endpoint::Unix(Cow::Owned(path.clone().into_owned())))
        }
        Object::Url(url) => UrlHost::parse(url).endpoint().map_or(Exact::Unknown, Exact::Endpoint),
    }
}

/// The operand in normal form; asks the system about paths.
pub fn with_system(object: &Object<'_>) -> Exact {
    match object {
        Object::Path(path) => real_path(path).map_or(Exact::Unknown, Exact::Path),
        Object::Unix(path) if !path.starts_with('\0') => match absolute(path, None) {
            Some(path) => Exact::Endpoint(Endpoint::Unix(Cow::Owned(
                real(&path, false).to_string_lossy().into_owned(),
            ))),
            None => Exact::Unknown,
        },
        other => without_system(other),
    }
}

/// The act of a verb and its operand. Without a wildcard arm: a new verb must be thought of.
pub fn act(verb: Verb, exact: &Exact) -> Act<'_> {
    let endpoint = || match exact {
        Exact::Endpoint(endpoint) => Operand::Exact(endpoint.clone()),
        Exact::Unknown | Exact::Path(_) | Exact::Name(_) => Operand::Unknown,
    };
    let path = || match exact {
        Exact::Path(path) => ResolvedPath::lexical(path).map_or(Operand::Unknown, Operand::Exact),
        Exact::Unknown | Exact::Endpoint(_) | Exact::Name(_) => Operand::Unknown,
    };
    let name = || match exact {
        Exact::Name(name) | Exact::Path(name) => Operand::Exact(name.as_str()),
        Exact::Unknown | Exact::Endpoint(_) => Operand::Unknown,
    };
    match verb {
        Verb::Prepare => Act::Prepare(endpoint()),
        Verb::Resolve => Act::Resolve(endpoint()),
        Verb::Connect => Act::Connect(endpoint()),
        Verb::Listen => Act::Listen(endpoint()),
        Verb::Spawn => Act::Spawn(name()),
        Verb::Signal => Act::Signal,
        Verb::ReadFile => Act::ReadFile(path()),
        Verb::WriteFile => Act::WriteFile(path()),
        Verb::ListDirectory => Act::ListDirectory(path()),
        Verb::ReadEnvironment => Act::ReadEnvironment(name()),
        Verb::WriteEnvironment => Act::WriteEnvironment(name()),
        Verb::Evaluate => Act::Evaluate,
        Verb::Deserialise => Act::Deserialise,
        Verb::Import => Act::Import(name()),
        Verb::ImportExtension => Act::ImportExtension(name()),
        Verb::LoadNative => Act::LoadNative(name()),
        Verb::MutateInterpreter => Act::MutateInterpreter(name()),
        Verb::Introspect => Act::Introspect,
        Verb::Tamper => Act::Tamper,
        Verb::Keep => Act::Keep,
        Verb::Hide => Act::Hide,
    }
}

/// What a policy decides of a deed; paths are resolved into `resolved` only where it matters, and
/// once for all policies.
pub fn decide(
    policy: &Policy,
    verb: Verb,
    object: &Object<'_>,
    resolved: &mut Option<Exact>,
) -> Decision {
    let is_system = matches!(object, Object::Path(_))
        || matches!(object, Object::Unix(path) if !path.starts_with('\0'));
    if is_system {
        let decision = policy.decide(&act(verb, &Exact::Unknown));
        let is_open = matches!(decision.verdict(), hermetic_policy::Verdict::Undecided(_));
        if !is_open {
            return decision;
        }
        let exact = resolved.get_or_insert_with(|| with_system(object));
        return policy.decide(&act(verb, exact));
    }
    let exact = resolved.get_or_insert_with(|| without_system(object));
    let decision = policy.decide(&act(verb, exact));
    if decision.is_allow() {
        return decision;
    }
    by_lookup(policy, verb, exact).unwrap_or(decision)
}

/// What the policy decides of an address by the names that were looked up for it. An address of
/// a cloud's metadata service is never reached by another name.
fn by_lookup(policy: &Policy, verb: Verb, exact: &Exact) -> Option<Decision> {
    let Exact::Endpoint(Endpoint::Inet { host, port }) = exact else { return None };
    if !matches!(verb, Verb::Connect | Verb::Resolve) || host.is_cloud_metadata() {
        return None;
    }
    let address: IpAddr = host.address()?;
    lookups::names_of(address)
        .into_iter()
        .map(|host| {
            let exact = Exact::Endpoint(Endpoint::Inet { host, port: *port });
            policy.decide(&act(verb, &exact))
        })
        .find(|decision| decision.is_allow())
}

/// The name whose look-up gave the address that is connected to.
pub fn looked_up(verb: Verb, exact: &Exact) -> Option<String> {
    match exact {
        Exact::Endpoint(Endpoint::Inet { host, .. }) if verb == Verb::Connect => {
            Some(lookups::names_of(host.address()?).pop()?.as_str().to_owned())
        }
        _ => None,
    }
}

/// An absolute path without links; what does not exist is taken as it is written.
pub fn real_path(path: &PathObject<'_>) -> Option<String> {
    match &path.place {
        PathPlace::Text(text) => {
            let absolute = absolute(text, path.folder)?;
            Some(real(&absolute, path.link_itself).to_string_lossy().into_owned())
        }
        PathPlace::Descriptor(number) => descriptor_path(*number),
        PathPlace::Opaque => None,
    }
}

/// Where an open descriptor leads; `None` for what is no file (sockets, pipes).
pub fn descriptor_path(number: i64) -> Option<String> {
    #[cfg(target_os = "linux")]
    {
        let link = std::fs::read_link(format!("/proc/self/fd/{number}")).ok()?;
        let text = link.to_str()?;
        text.starts_with('/').then(|| {
            // The kernel marks what was removed since (proc_pid_fd(5)).
            text.strip_suffix(" (deleted)").unwrap_or(text).to_owned()
        })
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = number;
        None
    }
}

/// A path joined to the folder it starts from.
fn absolute(text: &str, folder: Option<i64>) -> Option<PathBuf> {
    if text.contains('\0') {
        return None;
    }
    let path = Path::new(text);
    if path.is_absolute() {
        return Some(path.to_owned());
    }
    let base = match folder {
        Some(number) => PathBuf::from(descriptor_path(number)?),
        None => std::env::current_dir().ok()?,
    };
    Some(base.join(path))
}

/// Links resolved as far as the path exists; the rest in lexical normal form.
pub fn real(path: &Path, link_itself: bool) -> PathBuf {
    if !link_itself && let Ok(real) = path.canonicalize() {
        return real;
    }
    match (path.parent(), path.components().next_back()) {
        (Some(parent), Some(Component::Normal(name))) => real(parent, false).join(name),
        (Some(parent), Some(Component::CurDir)) => real(parent, false),
        (Some(parent), Some(Component::ParentDir)) => {
            let mut parent = real(parent, false);
            parent.pop();
            parent
        }
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Exact, decide, real, without_system};
    use crate::deed::{Object, PathObject, PathPlace};
    use hermetic_policy::{PolicyOptions, Verb};
    use std::path::Path;

    fn path(text: &str) -> Object<'_> {
        Object::Path(PathObject {
            place: PathPlace::Text(text.into()),
            folder: None,
            link_itself: false,
        })
    }

    #[test]
    fn paths_are_resolved_only_where_it_matters() {
        let no_root = PolicyOptions { fs_readonly: true, ..Default::default() }.build().unwrap();
        let mut resolved = None;
        assert!(decide(&no_root, Verb::ReadFile, &path("/etc/hosts"), &mut resolved).is_allow());
        assert!(decide(&no_root, Verb::WriteFile, &path("/etc/hosts"), &mut resolved).is_deny());
        assert_eq!(resolved, None);
        let rooted =
            PolicyOptions { fs_root: Some("/usr".into()), ..Default::default() }.build().unwrap();
        assert!(decide(&rooted, Verb::ReadFile, &path("/usr/x"), &mut resolved).is_allow());
        assert_eq!(resolved, Some(Exact::Path("/usr/x".into())));
    }

    #[test]
    fn what_does_not_exist_is_resolved_as_far_as_it_does() {
        let folder = std::env::temp_dir().canonicalize().unwrap();
        let missing = folder.join("missing-a/../missing-b");
        assert_eq!(real(&missing, false), folder.join("missing-b"));
        assert_eq!(real(Path::new("/"), true), Path::new("/"));
    }

    #[test]
    fn a_host_that_is_none_stays_unknown() {
        assert_eq!(without_system(&Object::Host("a b".into(), None)), Exact::Unknown);
    }
}
