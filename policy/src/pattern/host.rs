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

    /// Whether `--no-network` lets a program listen here: 127.0.0.0/8, `::1`, `localhost`.
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

    /// Whether it covers names, which have to be looked up.
    pub const fn is_name(&self) -> bool {
        matches!(self.place, Place::Name { .. })
    }

    /// Whether it names a Unix socket of the abstract namespace.
    pub fn is_abstract(&self) -> bool {
        matches!(&self.place, Place::Unix(name) if name.starts_with('\0'))
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
mod tests;
