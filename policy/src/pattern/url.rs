//! The endpoint a URL or a `host:port` text names.
//!
//! Clients disagree about odd URLs (backslashes, two `@`, a space in the authority). Where any two
//! of `urllib`, `http.client`, `requests` and `httpx` could read another host, the answer here is
//! [`UrlHost::Unknown`]: the guard sees the connection itself and decides.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use super::host::Host;
use crate::operand::Endpoint;

/// What is known of a URL's far end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UrlHost {
    /// The endpoint, with the scheme's port where the URL gives none.
    Endpoint {
        /// The normalised host.
        host: Host,
        /// The port.
        port: u16,
    },
    /// No scheme and no host: relative to a base the caller may know.
    Relative,
    /// A scheme that reaches no network: `file:`, `data:`, `sqlite:`.
    Local,
    /// Not complete, not a known scheme, or read differently by different clients.
    Unknown,
}

/// Default ports by scheme (RFC 9110, RFC 6455, and the clients' own defaults).
const DEFAULT_PORTS: [(&str, u16); 27] = [
    ("amqp", 5672),
    ("amqps", 5671),
    ("ftp", 21),
    ("ftps", 990),
    ("git", 9418),
    ("http", 80),
    ("https", 443),
    ("imap", 143),
    ("imaps", 993),
    ("ldap", 389),
    ("ldaps", 636),
    ("mariadb", 3306),
    ("mongodb", 27017),
    ("mqtt", 1883),
    ("mqtts", 8883),
    ("mysql", 3306),
    ("nats", 4222),
    ("postgres", 5432),
    ("postgresql", 5432),
    ("redis", 6379),
    ("rediss", 6379),
    ("rtsp", 554),
    ("sftp", 22),
    ("smtp", 25),
    ("ssh", 22),
    ("ws", 80),
    ("wss", 443),
];

/// Schemes that reach no network, whatever follows.
const LOCAL_SCHEMES: [&str; 6] = ["about", "data", "javascript", "memory", "sqlite", "urn"];

impl UrlHost {
    /// Read a URL that is known in full.
    pub fn parse(url: &str) -> Self {
        Self::read(url, true)
    }

    /// Read the beginning of a URL whose rest is not known, as in `f"https://{host}/"` or
    /// `base + path`. The host is known only if the beginning reaches past it with `/`, `?` or
    /// `#`.
    pub fn parse_prefix(beginning: &str) -> Self {
        Self::read(beginning, false)
    }

    /// The endpoint, where it is known.
    pub fn endpoint(self) -> Option<Endpoint<'static>> {
        match self {
            Self::Endpoint { host, port } => Some(Endpoint::Inet { host, port: Some(port) }),
            Self::Relative | Self::Local | Self::Unknown => None,
        }
    }

    fn read(text: &str, whole: bool) -> Self {
        // `urllib.parse.urlsplit` drops leading control characters and spaces, and tabs and line
        // ends everywhere (CPython `Lib/urllib/parse.py`).
        let text = text.trim_start_matches(|c: char| c <= ' ');
        let text: Cow<'_, str> = if text.contains(['\t', '\r', '\n']) {
            Cow::Owned(text.chars().filter(|c| !matches!(c, '\t' | '\r' | '\n')).collect())
        } else {
            Cow::Borrowed(text)
        };
        let Some((scheme, rest)) = split_scheme(&text) else {
            // `//host/x` takes its scheme from a base, `<URL:...>` is unwrapped by `urllib`, and
            // a backslash is a slash to some.
            let undecided = text.starts_with("//")
                || text.starts_with(['<', '\\', ':'])
                || text.starts_with("/\\");
            // A lone `/` may go on to `//host`.
            let grows = !whole && (text == "/" || !text.contains(['/', '?', '#']));
            return if undecided || grows { Self::Unknown } else { Self::Relative };
        };
        let scheme = scheme.to_ascii_lowercase();
        if LOCAL_SCHEMES.contains(&scheme.as_str()) || scheme.starts_with("sqlite+") {
            return Self::Local;
        }
        if scheme == "file" {
            return file(rest, whole);
        }
        let Some(port) = default_port(&scheme) else { return Self::Unknown };
        let Some(rest) = rest.strip_prefix("//") else { return Self::Unknown };
        let authority = match rest.find(['/', '?', '#']) {
            Some(end) => rest.get(..end).unwrap_or_default(),
            None if whole => rest,
            None => return Self::Unknown,
        };
        authority_endpoint(authority, port).unwrap_or(Self::Unknown)
    }
}

/// A scheme and what follows its colon; `None` where there is none (RFC 3986, 3.1).
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let valid = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    valid.then_some((scheme, rest))
}

/// `file:` is local only without a host: `urllib` looks the host up.
fn file(rest: &str, whole: bool) -> UrlHost {
    let Some(authority) = rest.strip_prefix("//") else {
        // `file:` and `file:/` may go on with a slash.
        let grows = !whole && rest.len() < 2;
        return if grows { UrlHost::Unknown } else { UrlHost::Local };
    };
    let host = authority.split('/').next().unwrap_or_default();
    let complete = whole || authority.contains('/');
    if complete && (host.is_empty() || host.eq_ignore_ascii_case("localhost")) {
        UrlHost::Local
    } else {
        UrlHost::Unknown
    }
}

/// The port of the scheme or, as in `postgresql+asyncpg` and `git+https`, of one of its parts.
fn default_port(scheme: &str) -> Option<u16> {
    let find = |name: &str| DEFAULT_PORTS.iter().find(|(own, _)| *own == name).map(|(_, p)| *p);
    let mut parts = scheme.split('+');
    // `http+unix` reaches a socket file, `mongodb+srv` hosts that only DNS knows.
    if parts.clone().any(|part| matches!(part, "unix" | "srv")) {
        return None;
    }
    match (scheme.strip_prefix("git+"), parts.next()) {
        (Some(transport), _) => find(transport),
        (None, first) => find(first?),
    }
}

fn authority_endpoint(authority: &str, default_port: u16) -> Option<UrlHost> {
    // A backslash is a slash to WHATWG readers; a second `@` splits differently; in the user part
    // other scripts can hide a delimiter that compatibility mapping brings out.
    if authority.contains(|c: char| c <= ' ' || c == '\\' || c == '\u{7f}') {
        return None;
    }
    let host_port = match authority.split_once('@') {
        Some((user, rest)) => {
            if rest.contains('@') || !user.is_ascii() {
                return None;
            }
            rest
        }
        None => authority,
    };
    let (host, port) = match host_port.strip_suffix(':') {
        // An empty port is the default one.
        Some(host) if !host.ends_with(':') => (host, None),
        _ => split_port(host_port)?,
    };
    let host = if host.starts_with('[') { Host::parse(host) } else { name(host) }?;
    let port = port.unwrap_or(default_port);
    // Some clients take port 0 for none.
    (!host.as_str().is_empty() && port != 0).then_some(UrlHost::Endpoint { host, port })
}

/// A URL's host outside brackets. `urllib.request` decodes percent signs in it.
fn name(text: &str) -> Option<Host> {
    let text = percent_decode(text)?;
    // Lists of hosts (`a,b`), templates (`{host}`, `$host`) and IPv6 without brackets are none.
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if text.chars().any(|c| c.is_ascii() && !plain(c)) {
        return None;
    }
    Host::parse(&text).filter(|host| !host.as_str().contains(':'))
}

fn percent_decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    let digit = |b: Option<u8>| char::from(b?).to_digit(16).and_then(|d| u8::try_from(d).ok());
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' {
            digit(bytes.next())? * 16 + digit(bytes.next())?
        } else {
            byte
        });
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

/// The host and port of `host:port`, `[v6]:port`, `host` or a bare IPv6 address, as clients take
/// them beside a URL. `None` where the host is none in any spelling or the port no number.
pub fn split_host_port(text: &str) -> Option<(Host, Option<u16>)> {
    let (host, port) = split_port(text)?;
    Some((Host::parse(host)?, port))
}

/// The same without reading the host.
pub(super) fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(inner) => {
            let end = inner.find(']')? + 2;
            let (host, rest) = text.split_at_checked(end)?;
            match rest.strip_prefix(':') {
                Some(port) => (host, port),
                None if rest.is_empty() => return Some((host, None)),
                None => return None,
            }
        }
        None => match text.split_once(':') {
            // Two colons: IPv6.
            Some((_, rest)) if rest.contains(':') => return Some((text, None)),
            Some((host, port)) => (host, port),
            None => return Some((text, None)),
        },
    };
    let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| port.parse().ok()).flatten().map(|port| (host, Some(port)))
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;

    use super::{UrlHost, split_host_port};

    fn told(answer: UrlHost) -> String {
        match answer {
            UrlHost::Endpoint { host, port } => format!("{host} {port}"),
            UrlHost::Relative => "relative".into(),
            UrlHost::Local => "local".into(),
            UrlHost::Unknown => "unknown".into(),
        }
    }

    #[test]
    fn whole_urls() {
        for (url, expected) in [
            ("https://api.example.com", "api.example.com 443"),
            ("HTTPS://API.Example.COM./x", "api.example.com 443"),
            ("http://api.example.com:8080/x", "api.example.com 8080"),
            ("http://api.example.com:/x", "api.example.com 80"),
            ("http://user:pw@api.example.com/", "api.example.com 80"),
            ("https://api.example.com@evil.invalid/", "evil.invalid 443"),
            ("https://api.example.com:443@evil.invalid/", "evil.invalid 443"),
            ("https://a@b@evil.invalid/", "unknown"),
            ("https://api.example.com\\@evil.invalid/", "unknown"),
            ("https://api.example.com#@evil.invalid/", "api.example.com 443"),
            ("https://api.example.com?@evil.invalid/", "api.example.com 443"),
            ("https://api.example.com\u{ff03}@evil.invalid/", "unknown"),
            ("https://[::ffff:169.254.169.254]/", "169.254.169.254 443"),
            ("https://[fe80::1%25eth0]:8443/", "fe80::1 8443"),
            ("https://2852039166/", "169.254.169.254 443"),
            ("https://169%2e254%2e169%2e254/", "169.254.169.254 443"),
            ("https://evil.invalid%2f.example.com/", "unknown"),
            ("  \u{1}https://exa\tmple.com/\n", "example.com 443"),
            ("https:// example.com/", "unknown"),
            ("https:/example.com/", "unknown"),
            ("https:example.com", "unknown"),
            ("https:///x", "unknown"),
            ("https://example.com:99999/", "unknown"),
            ("https://example.com:0/", "unknown"),
            ("https://example.com:8o/", "unknown"),
            ("https://::1/", "unknown"),
            ("https://{host}/", "unknown"),
            ("ws://h/", "h 80"),
            ("postgresql+asyncpg://u:p@db.internal/x", "db.internal 5432"),
            ("git+https://example.com/r.git", "example.com 443"),
            ("mongodb://a,b/x", "unknown"),
            ("mongodb+srv://cluster.example.com/", "unknown"),
            ("http+unix://%2Frun%2Fdocker.sock/", "unknown"),
            ("s3://bucket/key", "unknown"),
            ("localhost:8080/x", "unknown"),
            ("//example.com/x", "unknown"),
            ("/\\example.com/x", "unknown"),
            ("<URL:http://example.com/>", "unknown"),
            ("/users/1", "relative"),
            ("users?next=http://example.com/", "relative"),
            ("", "relative"),
            ("file:///etc/hosts", "local"),
            ("file:/etc/hosts", "local"),
            ("file://localhost/etc/hosts", "local"),
            ("file://example.com/x", "unknown"),
            ("data:text/plain,x", "local"),
            ("sqlite:///x.db", "local"),
        ] {
            assert_eq!(told(UrlHost::parse(url)), expected, "{url:?}");
        }
    }

    #[test]
    fn beginnings() {
        for (beginning, expected) in [
            ("https://api.example.com", "unknown"),
            ("https://api.example.com:", "unknown"),
            ("https://api.example.com/", "api.example.com 443"),
            ("https://api.example.com?", "api.example.com 443"),
            ("https://user:", "unknown"),
            ("https://", "unknown"),
            ("ht", "unknown"),
            ("", "unknown"),
            ("/users/", "relative"),
            ("/", "unknown"),
            ("//", "unknown"),
            ("file:", "unknown"),
            ("file:/", "unknown"),
            ("file:///", "local"),
            ("file:///x", "local"),
            ("data:", "local"),
        ] {
            assert_eq!(told(UrlHost::parse_prefix(beginning)), expected, "{beginning:?}");
        }
    }

    #[test]
    fn host_and_port_texts() {
        for (text, expected) in [
            ("Example.com:443", Some(("example.com", Some(443)))),
            ("example.com", Some(("example.com", None))),
            ("[::1]:80", Some(("::1", Some(80)))),
            ("[::1]", Some(("::1", None))),
            ("::1", Some(("::1", None))),
            (":8080", Some(("", Some(8080)))),
            ("h:", None),
            ("h:+1", None),
            ("h:65536", None),
            ("[::1]x", None),
            ("a b:1", None),
        ] {
            let got = split_host_port(text);
            let got = got.as_ref().map(|(host, port)| (host.as_str(), *port));
            assert_eq!(got, expected, "{text:?}");
        }
    }
}
