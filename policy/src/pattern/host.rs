//! Hosts in one normal spelling, and the patterns of `--allow-domain`.
//!
//! [`Host::parse`] is the single normaliser of both faces. The analyzer gives it the literal it
//! found, the guard what Python hands to the socket module; after it, equal hosts are equal text.

use alloc::borrow::{Cow, ToOwned as _};
use alloc::string::{String, ToString as _};
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use idna::AsciiDenyList;
use ipnet::IpNet;

use super::path;
use super::url::split_port;

/// A host in its one normal spelling: a lower-case ASCII name without a trailing dot, or an
/// address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Host {
    text: String,
    address: Option<IpAddr>,
}

/// Addresses at which a cloud serves credentials or instance data to whoever asks.
const METADATA_V4: [Ipv4Addr; 8] = [
    // AWS, Azure, Google, OpenStack, DigitalOcean, Oracle
    Ipv4Addr::new(169, 254, 169, 254),
    // AWS ECS task credentials
    Ipv4Addr::new(169, 254, 170, 2),
    // AWS EKS pod identity
    Ipv4Addr::new(169, 254, 170, 23),
    // Tencent
    Ipv4Addr::new(169, 254, 0, 23),
    // Scaleway
    Ipv4Addr::new(169, 254, 42, 42),
    // Alibaba
    Ipv4Addr::new(100, 100, 100, 200),
    // Azure wire server
    Ipv4Addr::new(168, 63, 129, 16),
    // Oracle, legacy
    Ipv4Addr::new(192, 0, 0, 192),
];

/// See [`METADATA_V4`].
const METADATA_V6: [Ipv6Addr; 4] = [
    // AWS
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    // AWS EKS pod identity
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    // Google
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
    // link-local form of 169.254.169.254
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe),
];

/// Names of the same services.
const METADATA_NAMES: [&str; 7] = [
    "metadata",
    "metadata.goog",
    "metadata.google.internal",
    "metadata.packet.net",
    "metadata.platformequinix.com",
    "metadata.tencentyun.com",
    "rancher-metadata",
];

impl Host {
    /// The host of that spelling, or `None` for text that names no single host.
    ///
    /// Taken as one: letter case, internationalised names and their ASCII form, a trailing dot,
    /// brackets round IPv6, zone ids (`fe80::1%eth0`), IPv4 inside IPv6 (`::ffff:1.2.3.4`,
    /// `::1.2.3.4`), and every number `inet_aton(3)` takes for IPv4 (`127.1`, `0x7f.1`,
    /// `0177.0.0.1`, `2130706433`).
    ///
    /// The empty text is a host of its own, one no pattern and no allow flag ever covers: the
    /// socket module takes it for "any address" (CPython `Modules/socketmodule.c`, `setipaddr`).
    /// `<broadcast>` is 255.255.255.255, as there.
    ///
    /// `None` where readers disagree which host is meant: control characters, space, URL
    /// delimiters, empty labels, and the four characters that IDNA 2003 (`socket`) and IDNA 2008
    /// (`requests`) spell differently (`ß`, `ς` and the zero-width joiners). The analyzer calls
    /// such a host unknown and the guard denies it; an `xn--` spelling is exact.
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self { text: String::new(), address: None });
        }
        if text == "<broadcast>" {
            return Some(Self::from(IpAddr::V4(Ipv4Addr::BROADCAST)));
        }
        if let Some(inner) = text.strip_prefix('[') {
            return Self::parse_v6(inner.strip_suffix(']')?);
        }
        let ascii = to_ascii(text)?;
        if ascii.contains(':') {
            return Self::parse_v6(&ascii);
        }
        let name = ascii.strip_suffix('.').unwrap_or(&ascii);
        if let Some(v4) = inet_aton(name) {
            return Some(Self::from(IpAddr::V4(v4)));
        }
        let is_name = !name.is_empty()
            && !name.chars().any(|c| {
                c.is_ascii_control()
                    || matches!(
                        c,
                        ' ' | '"'
                            | '#'
                            | '%'
                            | '/'
                            | '<'
                            | '>'
                            | '?'
                            | '@'
                            | '['
                            | '\\'
                            | ']'
                            | '^'
                            | '|'
                    )
            })
            && name.split('.').all(|label| !label.is_empty());
        is_name.then(|| Self { text: name.to_owned(), address: None })
    }

    fn parse_v6(text: &str) -> Option<Self> {
        let address = text.split_once('%').map_or(text, |(address, _zone)| address);
        address.parse::<Ipv6Addr>().ok().map(|v6| Self::from(IpAddr::V6(v6)))
    }

    /// Whether this is a cloud's metadata service; denied under `--no-network` whatever is
    /// allow-listed. An address counts through the NAT64 prefix `64:ff9b::/96` (RFC 6052) and the
    /// translated prefix `::ffff:0:0:0/96` (RFC 2765) too.
    pub fn is_cloud_metadata(&self) -> bool {
        match self.address {
            None => METADATA_NAMES.contains(&self.text.as_str()),
            Some(IpAddr::V4(v4)) => METADATA_V4.contains(&v4),
            Some(IpAddr::V6(v6)) => {
                METADATA_V6.contains(&v6)
                    || match v6.segments() {
                        [0x64, 0xff9b, 0, 0, 0, 0, high, low]
                        | [0, 0, 0, 0, 0xffff, 0, high, low] => {
                            METADATA_V4.contains(&v4_of(high, low))
                        }
                        _ => false,
                    }
            }
        }
    }

    /// Whether `--allow-localhost` lets a program connect here: 127.0.0.1, `::1`, `localhost` and
    /// 0.0.0.0 (which Linux connects to itself), in every spelling.
    ///
    /// The rest of 127.0.0.0/8 is not: forwarding name servers live there (127.0.0.53 of
    /// systemd-resolved, 127.0.0.11 of Docker), and a name look-up can carry data out. A pattern
    /// `127.0.0.0/8` allows it in words.
    pub fn is_localhost(&self) -> bool {
        match self.address {
            None => self.text == "localhost",
            Some(IpAddr::V4(v4)) => v4 == Ipv4Addr::LOCALHOST || v4 == Ipv4Addr::UNSPECIFIED,
            Some(IpAddr::V6(v6)) => v6 == Ipv6Addr::LOCALHOST,
        }
    }

    /// Whether `--allow-localhost` lets a program listen here: 127.0.0.0/8, `::1`, `localhost`.
    /// Wildcards (0.0.0.0, `::`, the empty host) never: others could connect.
    pub fn is_loopback(&self) -> bool {
        match self.address {
            None => self.text == "localhost",
            Some(address) => address.is_loopback(),
        }
    }

    /// The normal spelling; IPv6 without brackets.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The address, where the host is one.
    pub const fn address(&self) -> Option<IpAddr> {
        self.address
    }
}

impl From<IpAddr> for Host {
    /// An address as the system gives it; IPv4 inside IPv6 becomes IPv4.
    fn from(address: IpAddr) -> Self {
        let address = match address {
            IpAddr::V6(v6) => match v6.segments() {
                // `::` and `::1` are the only addresses below ::/96 that mean themselves.
                [0, 0, 0, 0, 0, 0, 0, 0 | 1] => address,
                [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => IpAddr::V4(v4_of(high, low)),
                _ => address,
            },
            IpAddr::V4(_) => address,
        };
        Self { text: address.to_string(), address: Some(address) }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn v4_of(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low))
}

/// Lower-case ASCII by UTS 46; ASCII text is only folded, since DNS compares it as bytes.
fn to_ascii(text: &str) -> Option<Cow<'_, str>> {
    if text.is_ascii() {
        return Some(if text.bytes().any(|b| b.is_ascii_uppercase()) {
            Cow::Owned(text.to_ascii_lowercase())
        } else {
            Cow::Borrowed(text)
        });
    }
    // UTS 46 "deviation characters", and the capital sharp s that folds to one of them.
    if text.contains(['ß', 'ẞ', 'ς', '\u{200c}', '\u{200d}']) {
        return None;
    }
    let ascii = idna::domain_to_ascii_cow(text.as_bytes(), AsciiDenyList::EMPTY).ok()?;
    // The mapping of one pass can make text a second pass would change (a full-width colon).
    Some(Cow::Owned(ascii.to_ascii_lowercase()))
}

/// IPv4 as `inet_aton(3)` reads it: one to four parts, each decimal, `0`-octal or `0x`-hex, the
/// last one filling what is left of 32 bits.
fn inet_aton(text: &str) -> Option<Ipv4Addr> {
    let mut value = 0u32;
    let mut parts = text.split('.').peekable();
    let mut bits_left = 32u32;
    loop {
        let part = inet_aton_part(parts.next()?)?;
        if parts.peek().is_none() {
            let fits = bits_left == 32 || part >> bits_left == 0;
            return fits.then(|| Ipv4Addr::from_bits(value | part));
        }
        // A fifth part, or a leading one beyond a byte.
        if bits_left == 8 || part > 0xff {
            return None;
        }
        bits_left -= 8;
        value |= part << bits_left;
    }
}

fn inet_aton_part(text: &str) -> Option<u32> {
    let (digits, radix) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (text.get(2..)?, 16),
        [b'0', _, ..] => (text.get(1..)?, 8),
        _ => (text, 10),
    };
    // `from_str_radix` alone would take a sign.
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    u32::from_str_radix(digits, radix).ok()
}

/// One entry of `--allow-domain`.
///
/// | written | covers |
/// |---|---|
/// | `example.com`, `.example.com` | `example.com` and every name below it |
/// | `*.example.com` | the names below it, not itself |
/// | `10.1.2.3`, `::1` | that address |
/// | `10.0.0.0/8`, `fd00::/8` | the addresses of that network |
/// | any name or address with `:443`, `[::1]:443` | the same, at that port |
/// | `unix:/run/app.sock`, `unix:@name` | that Unix socket; `@` is the abstract namespace |
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPattern {
    place: Place,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Name { name: String, itself: bool },
    Address(IpAddr),
    Network(IpNet),
    Unix(String),
}

/// Why a text is no [`HostPattern`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostPatternError {
    /// Nothing is written.
    #[error("an empty host pattern covers nothing; write a host, an address or a network")]
    Empty,
    /// A URL.
    #[error("`{0}` is a URL; write its host alone")]
    Url(String),
    /// A `*` elsewhere than in a leading `*.`.
    #[error("`{0}` has a `*` that is not a leading `*.`; a name covers every name below it")]
    Wildcard(String),
    /// Not a number from 1 to 65535.
    #[error("`{0}` has no valid port; ports are numbers from 1 to 65535")]
    Port(String),
    /// Not an address, a slash and a prefix length.
    #[error("`{0}` is neither a host nor a network such as `10.0.0.0/8`")]
    Network(String),
    /// A Unix socket without an absolute path.
    #[error("`{0}` needs an absolute path, `unix:/run/app.sock`, or an abstract name, `unix:@app`")]
    Unix(String),
    /// No host in any spelling.
    #[error("`{0}` is no host name or address")]
    Host(String),
}

impl HostPattern {
    /// Read one entry; surrounding white space is dropped.
    pub fn parse(text: &str) -> Result<Self, HostPatternError> {
        use HostPatternError as Error;
        let text = text.trim();
        if text.is_empty() {
            return Err(Error::Empty);
        }
        if let Some(socket) = text.strip_prefix("unix:") {
            let socket = match socket.strip_prefix('@') {
                Some("") => None,
                Some(name) => Some(alloc::format!("\0{name}")),
                None => path::normalise(socket).map(Cow::into_owned),
            };
            let socket = socket.ok_or_else(|| Error::Unix(text.to_owned()))?;
            return Ok(Self { place: Place::Unix(socket), port: None });
        }
        if text.contains("://") {
            return Err(Error::Url(text.to_owned()));
        }
        if text.contains('/') {
            let network = parse_network(text).ok_or_else(|| Error::Network(text.to_owned()))?;
            return Ok(Self { place: Place::Network(network), port: None });
        }
        let (host, port) = split_port(text).ok_or_else(|| Error::Port(text.to_owned()))?;
        if port == Some(0) {
            return Err(Error::Port(text.to_owned()));
        }
        let (name, itself) = match (host.strip_prefix("*."), host.strip_prefix('.')) {
            (Some(below), _) => (below, false),
            (None, Some(name)) => (name, true),
            (None, None) => (host, true),
        };
        if name.contains('*') {
            return Err(Error::Wildcard(text.to_owned()));
        }
        let parsed = Host::parse(name).filter(|host| !host.as_str().is_empty());
        let Some(parsed) = parsed else { return Err(Error::Host(text.to_owned())) };
        let place = match parsed.address {
            Some(_) if name.len() != host.len() => return Err(Error::Host(text.to_owned())),
            Some(address) => Place::Address(address),
            None => Place::Name { name: parsed.text, itself },
        };
        Ok(Self { place, port })
    }

    /// Whether the host is covered, at some port at least.
    pub fn covers(&self, host: &Host) -> bool {
        match (&self.place, host.address) {
            (Place::Name { name, itself }, None) => {
                match host.text.strip_suffix(name.as_str()) {
                    Some("") => *itself,
                    // The dot anchors it: `example.com` is not the end of `badexample.com`.
                    Some(below) => below.ends_with('.'),
                    None => false,
                }
            }
            (Place::Address(own), Some(address)) => *own == address,
            (Place::Network(network), Some(address)) => network.contains(&address),
            (Place::Name { .. }, Some(_))
            | (Place::Address(_) | Place::Network(_), None)
            | (Place::Unix(_), _) => false,
        }
    }

    /// The only port covered; `None` for every port.
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    /// Whether a Unix socket is covered. A relative path never is.
    pub fn covers_unix(&self, socket: &str) -> bool {
        let Place::Unix(own) = &self.place else { return false };
        if socket.starts_with('\0') {
            own == socket
        } else {
            path::normalise(socket).is_some_and(|socket| *own == socket)
        }
    }

    /// Whether it names a Unix socket.
    pub const fn is_unix(&self) -> bool {
        matches!(self.place, Place::Unix(_))
    }
}

/// A network; host bits are dropped, and one inside `::ffff:0:0/96` becomes IPv4, as hosts do.
fn parse_network(text: &str) -> Option<IpNet> {
    let network = text.parse::<IpNet>().ok()?.trunc();
    if let IpNet::V6(v6) = network
        && v6.prefix_len() >= 96
        && let IpAddr::V4(v4) = Host::from(IpAddr::V6(v6.addr())).address?
    {
        return IpNet::new(IpAddr::V4(v4), v6.prefix_len() - 96).ok();
    }
    Some(network)
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use super::{Host, HostPattern, inet_aton};

    fn host(text: &str) -> Host {
        Host::parse(text).unwrap()
    }

    /// What `socket.inet_aton` of CPython 3.11 on glibc says; `None` where it raises.
    #[test]
    fn ipv4_as_inet_aton_reads_it() {
        for (text, expected) in [
            ("127.0.0.1", Some("127.0.0.1")),
            ("2130706433", Some("127.0.0.1")),
            ("0x7f.1", Some("127.0.0.1")),
            ("0177.0.0.1", Some("127.0.0.1")),
            ("127.1", Some("127.0.0.1")),
            ("127.0.1", Some("127.0.0.1")),
            ("0x7F000001", Some("127.0.0.1")),
            ("017700000001", Some("127.0.0.1")),
            ("0xa9fea9fe", Some("169.254.169.254")),
            ("169.254.43518", Some("169.254.169.254")),
            ("0251.0376.0251.0376", Some("169.254.169.254")),
            ("0", Some("0.0.0.0")),
            ("00", Some("0.0.0.0")),
            ("4294967295", Some("255.255.255.255")),
            ("4294967296", None),
            ("1.2.3.08", None),
            ("256.1.1.1", None),
            ("1.2.3.256", None),
            ("1.2.65536", None),
            ("1.16777216", None),
            ("0x", None),
            ("0x.1", None),
            ("0x1g", None),
            ("1..2", None),
            ("1.2.3.4.5", None),
            ("+1", None),
            ("1e3", None),
            ("08", None),
            ("1.2.3.0x", None),
            ("", None),
        ] {
            assert_eq!(inet_aton(text).map(|v4| v4.to_string()).as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn one_spelling() {
        for (text, expected) in [
            ("Example.COM", Some("example.com")),
            ("example.com.", Some("example.com")),
            ("my_host", Some("my_host")),
            ("BÜCHER.example", Some("xn--bcher-kva.example")),
            ("XN--bcher-KVA.example", Some("xn--bcher-kva.example")),
            ("１２７.0.0.1", Some("127.0.0.1")),
            ("127。0。0。1", Some("127.0.0.1")),
            ("：：1", Some("::1")),
            ("127.0.0.1.", Some("127.0.0.1")),
            ("[::1]", Some("::1")),
            ("0:0:0:0:0:0:0:1", Some("::1")),
            ("::", Some("::")),
            ("fe80::1%eth0", Some("fe80::1")),
            ("[FE80::1%25eth0]", Some("fe80::1")),
            ("::ffff:127.0.0.1", Some("127.0.0.1")),
            ("::FFFF:7f00:1", Some("127.0.0.1")),
            ("::127.0.0.1", Some("127.0.0.1")),
            ("<broadcast>", Some("255.255.255.255")),
            ("1.2.3.08", Some("1.2.3.08")),
            ("", Some("")),
            ("faß.de", None),
            ("a..b", None),
            (".", None),
            (".example.com", None),
            ("a b", None),
            ("a\0b", None),
            ("a/b", None),
            ("user@host", None),
            ("1::2::3", None),
            ("[::1", None),
            ("[example.com]", None),
            ("127.0.0.1%lo", None),
        ] {
            assert_eq!(Host::parse(text).as_ref().map(Host::as_str), expected, "{text:?}");
        }
    }

    #[test]
    fn cloud_metadata_in_every_spelling() {
        for text in [
            "169.254.169.254",
            "2852039166",
            "0xA9FEA9FE",
            "0251.0376.0251.0376",
            "169.254.43518",
            "[::ffff:169.254.169.254]",
            "::ffff:a9fe:a9fe",
            "::a9fe:a9fe",
            "64:ff9b::a9fe:a9fe",
            "::ffff:0:169.254.169.254",
            "fe80::a9fe:a9fe%eth0",
            "FD00:EC2:0:0:0:0:0:254",
            "fd00:ec2::254",
            "fd20:ce::254",
            "100.100.100.200",
            "169.254.170.2",
            "Metadata.Google.Internal.",
            "metadata",
            "ｍetadata.goog",
        ] {
            assert!(host(text).is_cloud_metadata(), "{text}");
        }
        for text in ["169.254.169.253", "kubernetes.default.svc", "my-metadata", "fd00:ec2::255"] {
            assert!(!host(text).is_cloud_metadata(), "{text}");
        }
    }

    #[test]
    fn localhost_to_connect_and_loopback_to_listen() {
        for (text, connect, listen) in [
            ("localhost", true, true),
            ("LOCALHOST.", true, true),
            ("127.0.0.1", true, true),
            ("2130706433", true, true),
            ("::1", true, true),
            ("::ffff:127.0.0.1", true, true),
            ("0.0.0.0", true, false),
            ("127.0.0.53", false, true),
            ("::", false, false),
            ("", false, false),
            ("<broadcast>", false, false),
            ("localhost.example.com", false, false),
            ("192.168.0.1", false, false),
        ] {
            assert_eq!(host(text).is_localhost(), connect, "{text:?}");
            assert_eq!(host(text).is_loopback(), listen, "{text:?}");
        }
    }

    #[test]
    fn patterns() {
        for (pattern, covered, not) in [
            ("example.com", "example.com", "badexample.com"),
            ("example.com", "a.b.EXAMPLE.com.", "example.com.evil"),
            (".Example.com.", "example.com", "com"),
            ("*.example.com", "a.example.com", "example.com"),
            ("bücher.example", "xn--bcher-kva.example", "b.example"),
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("10.1.2.3/8", "167772161", "11.0.0.1"),
            ("::ffff:10.0.0.0/104", "10.1.2.3", "11.0.0.1"),
            ("fd00::/8", "fd12::1", "fe80::1"),
            ("0.0.0.0/0", "1.2.3.4", "example.com"),
            ("127.1", "127.0.0.1", "127.0.0.2"),
            ("[::1]:80", "::1", "::2"),
            ("example.com:443", "example.com", "10.0.0.1"),
        ] {
            let parsed = HostPattern::parse(pattern).unwrap();
            assert!(parsed.covers(&host(covered)), "{pattern} {covered}");
            assert!(!parsed.covers(&host(not)), "{pattern} {not}");
            assert!(!parsed.covers(&host("")), "{pattern}");
        }
        assert_eq!(HostPattern::parse("example.com:443").unwrap().port(), Some(443));
        assert_eq!(HostPattern::parse("::1").unwrap().port(), None);
    }

    #[test]
    fn unix_sockets() {
        let file = HostPattern::parse("unix:/run/../run/app.sock").unwrap();
        assert!(file.covers_unix("/run/./app.sock"));
        assert!(!file.covers_unix("/run/app.sock.d"));
        assert!(!file.covers_unix("run/app.sock"));
        assert!(!file.covers_unix("\0/run/app.sock"));
        let named = HostPattern::parse("unix:@app").unwrap();
        assert!(named.covers_unix("\0app"));
        assert!(!named.covers_unix("@app"));
    }

    #[test]
    fn bad_patterns_say_why() {
        for (text, expected) in [
            (" ", "an empty host pattern covers nothing; write a host, an address or a network"),
            ("http://a.example", "`http://a.example` is a URL; write its host alone"),
            ("*", "`*` has a `*` that is not a leading `*.`; a name covers every name below it"),
            ("a:99999", "`a:99999` has no valid port; ports are numbers from 1 to 65535"),
            ("a:0", "`a:0` has no valid port; ports are numbers from 1 to 65535"),
            ("10.0.0.0/33", "`10.0.0.0/33` is neither a host nor a network such as `10.0.0.0/8`"),
            ("a.example/x", "`a.example/x` is neither a host nor a network such as `10.0.0.0/8`"),
            ("a b", "`a b` is no host name or address"),
            ("*.10.0.0.1", "`*.10.0.0.1` is no host name or address"),
            (":443", "`:443` is no host name or address"),
        ] {
            assert_eq!(HostPattern::parse(text).unwrap_err().to_string(), expected, "{text:?}");
        }
        assert!(HostPattern::parse("unix:app.sock").is_err());
        assert!(HostPattern::parse("unix:@").is_err());
    }
}
