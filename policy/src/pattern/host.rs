//! Hosts and host patterns.
use alloc::string::String;

/// A host in its one normal spelling.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Host(String);

impl Host {
    /// Normalise.
    pub fn parse(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self(text.to_ascii_lowercase()))
    }
    /// Cloud metadata.
    pub fn is_cloud_metadata(&self) -> bool {
        self.0 == "169.254.169.254"
    }
    /// May be connected to under `allow-localhost`.
    pub fn is_localhost(&self) -> bool {
        matches!(self.0.as_str(), "localhost" | "127.0.0.1" | "::1" | "0.0.0.0")
    }
    /// May be bound under `allow-localhost`.
    pub fn is_loopback(&self) -> bool {
        matches!(self.0.as_str(), "localhost" | "127.0.0.1" | "::1")
    }
    /// The normal spelling.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One entry of `allow-domain`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPattern(String);

impl HostPattern {
    /// Whether a host (and port) is covered.
    pub fn matches(&self, host: &Host, _port: Option<u16>) -> bool {
        host.as_str() == self.0
    }
    /// Whether a Unix socket is covered.
    pub fn matches_unix(&self, _path: &str) -> bool {
        false
    }
}
