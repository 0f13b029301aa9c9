//! The network: sockets and what the standard library builds on them.

use crate::act::Verb;
use crate::capability::Capability;
use crate::rule::Trigger::{Audit, Call};
use crate::rule::TypeFact::{self, Extends, Returns};
use crate::rule::{Level, Reported, Rule, api, arg};

/// This family's rules.
pub static RULES: &[&Rule] = &[&NETWORK_CONNECT];

/// A connection or datagram to an endpoint.
pub static NETWORK_CONNECT: Rule = Rule {
    name: "network-connect",
    capability: Capability::Network,
    level: Level::Error,
    since: "0.1.0",
    summary: "a socket connects or sends to an endpoint",
    verb: Verb::Connect,
    reported: Reported::ByPolicy,
    page: include_str!("../../rules/network-connect.md"),
    triggers: &[
        Call(api("socket.create_connection").address(arg(0, "address")).patch_point()),
        Call(api("socket.socket.connect").address(arg(0, ""))),
        Call(api("socket.socket.connect_ex").address(arg(0, ""))),
        // A socket may never connect; what it connects to is not known here.
        Call(api("socket.socket").act(Verb::Prepare).patch_point()),
        Audit("socket.connect"),
    ],
};

/// What these names give and inherit.
pub static TYPE_FACTS: &[TypeFact] = &[
    Returns { api: "socket.create_connection", class: "socket.socket" },
    Extends { class: "ssl.SSLSocket", base: "socket.socket" },
];
