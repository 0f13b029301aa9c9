//! The network: sockets, event loops and look-ups.

use crate::act::Verb;
use crate::capability::Capability;
use crate::rule::Condition::{Given, Missing, NotFalse};
use crate::rule::Trigger::{Audit, Call, Slot};
use crate::rule::TypeFact::{self, Alias, Extends, Returns};
use crate::rule::{Level, Reported, Rule, api, arg};

/// This family's rules.
pub static RULES: &[&Rule] =
    &[&NETWORK_CONNECT, &NETWORK_RESOLVE, &NETWORK_SEND, &NETWORK_SOCKETPAIR];

/// A connection to an endpoint.
pub static NETWORK_CONNECT: Rule = Rule {
    name: "network-connect",
    capability: Capability::Network,
    level: Level::Error,
    since: "0.1.0",
    summary: "a socket or event loop connects to an endpoint",
    verb: Verb::Connect,
    reported: Reported::ByPolicy,
    page: include_str!("../../rules/network-connect.md"),
    triggers: &[
        Call(api("socket.create_connection").address(arg(0, "address")).patch_point()),
        Call(api("socket.socket.connect").address(arg(0, ""))),
        Call(api("socket.socket.connect_ex").address(arg(0, ""))),
        // A socket may never connect; what it connects to is not known here.
        Call(api("socket.socket").act(Verb::Prepare).patch_point()),
        Call(api("asyncio.open_connection").host_port(arg(0, "host"), arg(1, "port"))),
        Call(api("asyncio.open_unix_connection").address(arg(0, "path"))),
        Call(
            api("asyncio.AbstractEventLoop.create_connection")
                .host_port(arg(1, "host"), arg(2, "port")),
        ),
        Call(api("asyncio.AbstractEventLoop.create_unix_connection").address(arg(1, "path"))),
        Call(
            api("asyncio.AbstractEventLoop.create_datagram_endpoint")
                .address(arg(2, "remote_addr"))
                .when(Given(arg(2, "remote_addr"))),
        ),
        Call(api("asyncio.AbstractEventLoop.sock_connect").address(arg(1, "address"))),
        Call(api("asyncore.dispatcher.connect").address(arg(0, "address"))),
        Call(api("multiprocessing.connection.Client").address(arg(0, "address"))),
        Call(api("multiprocessing.connection.SocketClient").address(arg(0, "address"))),
        Call(
            api("multiprocessing.managers.BaseManager")
                .address(arg(0, "address"))
                .act(Verb::Prepare),
        ),
        Call(
            api("multiprocessing.managers.SyncManager")
                .address(arg(0, "address"))
                .act(Verb::Prepare),
        ),
        Call(api("multiprocessing.managers.BaseManager.connect").receiver()),
        Call(api("anyio.connect_tcp").host_port(arg(0, "remote_host"), arg(1, "remote_port"))),
        Call(api("anyio.connect_unix").address(arg(0, "path"))),
        Call(
            api("anyio.create_connected_udp_socket")
                .host_port(arg(0, "remote_host"), arg(1, "remote_port")),
        ),
        Call(api("anyio.create_udp_socket").act(Verb::Prepare)),
        Call(api("curio.open_connection").host_port(arg(0, "host"), arg(1, "port"))),
        Call(api("eventlet.connect").address(arg(0, "addr"))),
        Call(api("gevent.socket.create_connection").address(arg(0, "address"))),
        Call(api("gevent.socket.socket").act(Verb::Prepare)),
        Call(api("socks.create_connection").address(arg(0, "dest_pair"))),
        Call(
            api("socks.set_default_proxy")
                .host_port(arg(1, "addr"), arg(2, "port"))
                .act(Verb::Prepare),
        ),
        Call(api("socks.socksocket").act(Verb::Prepare)),
        Call(api("tornado.tcpclient.TCPClient").act(Verb::Prepare)),
        Call(api("tornado.tcpclient.TCPClient.connect").host_port(arg(0, "host"), arg(1, "port"))),
        Call(api("tornado.iostream.IOStream.connect").address(arg(0, "address"))),
        Call(api("trio.open_tcp_stream").host_port(arg(0, "host"), arg(1, "port"))),
        Call(api("trio.open_ssl_over_tcp_stream").host_port(arg(0, "host"), arg(1, "port"))),
        Call(api("trio.open_unix_socket").address(arg(0, "filename"))),
        Call(api("trio.socket.socket").act(Verb::Prepare)),
        Call(api("twisted.internet.endpoints.clientFromString")),
        Call(
            api("twisted.internet.endpoints.TCP4ClientEndpoint")
                .host_port(arg(1, "host"), arg(2, "port"))
                .act(Verb::Prepare),
        ),
        Call(api("twisted.internet.endpoints.TCP4ClientEndpoint.connect").receiver()),
        Call(
            api("twisted.internet.endpoints.TCP6ClientEndpoint")
                .host_port(arg(1, "host"), arg(2, "port"))
                .act(Verb::Prepare),
        ),
        Call(api("twisted.internet.endpoints.TCP6ClientEndpoint.connect").receiver()),
        Call(
            api("twisted.internet.endpoints.HostnameEndpoint")
                .host_port(arg(1, "host"), arg(2, "port"))
                .act(Verb::Prepare),
        ),
        Call(api("twisted.internet.endpoints.HostnameEndpoint.connect").receiver()),
        Call(api("twisted.internet.reactor.connectSSL").host_port(arg(0, "host"), arg(1, "port"))),
        Call(api("twisted.internet.reactor.connectTCP").host_port(arg(0, "host"), arg(1, "port"))),
        Call(api("twisted.internet.reactor.connectUNIX").address(arg(0, "address"))),
        // Raised for `connect_ex` too.
        Audit("socket.connect"),
    ],
};

/// A datagram to an address named in the call.
pub static NETWORK_SEND: Rule = Rule {
    name: "network-send",
    capability: Capability::Network,
    level: Level::Error,
    since: "0.1.0",
    summary: "a datagram is sent to an address",
    verb: Verb::Connect,
    reported: Reported::ByPolicy,
    page: include_str!("../../rules/network-send.md"),
    triggers: &[
        // `sendto(bytes, address)` or `sendto(bytes, flags, address)`.
        Call(api("socket.socket.sendto").address(arg(1, "")).when(Missing(arg(2, "")))),
        Call(api("socket.socket.sendto").address(arg(2, "")).when(Given(arg(2, "")))),
        // Without an address it goes to where the socket is connected already.
        Call(api("socket.socket.sendmsg").address(arg(3, "")).when(Given(arg(3, "")))),
        Call(api("asyncio.AbstractEventLoop.sock_sendto").address(arg(2, "address"))),
        Call(
            api("asyncio.DatagramTransport.sendto")
                .address(arg(1, "addr"))
                .when(Given(arg(1, "addr"))),
        ),
        Audit("socket.sendto"),
        Audit("socket.sendmsg"),
    ],
};

/// A look-up of a host name or address.
pub static NETWORK_RESOLVE: Rule = Rule {
    name: "network-resolve",
    capability: Capability::Network,
    level: Level::Error,
    since: "0.1.0",
    summary: "a host name or address is looked up",
    verb: Verb::Resolve,
    reported: Reported::ByPolicy,
    page: include_str!("../../rules/network-resolve.md"),
    triggers: &[
        Call(api("socket.getaddrinfo").host_port(arg(0, "host"), arg(1, "port")).patch_point()),
        Call(api("socket.gethostbyname").host(arg(0, "")).patch_point()),
        Call(api("socket.gethostbyname_ex").host(arg(0, "")).patch_point()),
        Call(api("socket.gethostbyaddr").host(arg(0, "")).patch_point()),
        Call(api("socket.getnameinfo").address(arg(0, "")).patch_point()),
        // Written in Python; it finds `gethostbyaddr` when called, so a patch is not missed.
        Call(api("socket.getfqdn").host(arg(0, "name"))),
        // Made without a host, these look this machine's own name up.
        Call(api("smtplib.SMTP").when(Missing(arg(0, "host")))),
        Call(api("smtplib.SMTP_SSL").when(Missing(arg(0, "host")))),
        Call(api("smtplib.LMTP").when(Missing(arg(0, "host")))),
        Call(
            api("asyncio.AbstractEventLoop.getaddrinfo").host_port(arg(0, "host"), arg(1, "port")),
        ),
        Call(api("asyncio.AbstractEventLoop.getnameinfo").address(arg(0, "sockaddr"))),
        Call(api("aiodns.DNSResolver").act(Verb::Prepare)),
        Call(api("aiodns.DNSResolver.query").host(arg(0, "host"))),
        Call(api("aiodns.DNSResolver.query_dns").host(arg(0, "host"))),
        Call(api("aiodns.DNSResolver.gethostbyname").host(arg(0, "host"))),
        Call(api("aiodns.DNSResolver.getaddrinfo").host(arg(0, "host"))),
        Call(api("anyio.getaddrinfo").host_port(arg(0, "host"), arg(1, "port"))),
        Call(api("dns.asyncresolver.resolve").host(arg(0, "qname"))),
        Call(api("dns.asyncresolver.Resolver.resolve").host(arg(0, "qname"))),
        Call(api("dns.query.quic").host(arg(1, "where")).act(Verb::Connect)),
        Call(api("dns.query.tcp").host(arg(1, "where")).act(Verb::Connect)),
        Call(api("dns.query.tls").host(arg(1, "where")).act(Verb::Connect)),
        Call(api("dns.query.udp").host(arg(1, "where")).act(Verb::Connect)),
        Call(api("dns.query.xfr").host(arg(0, "where")).act(Verb::Connect)),
        Call(api("dns.resolver.query").host(arg(0, "qname"))),
        Call(api("dns.resolver.resolve").host(arg(0, "qname"))),
        Call(api("dns.resolver.Resolver").act(Verb::Prepare)),
        Call(api("dns.resolver.Resolver.query").host(arg(0, "qname"))),
        Call(api("dns.resolver.Resolver.resolve").host(arg(0, "qname"))),
        Call(api("gevent.socket.getaddrinfo").host(arg(0, "host"))),
        Call(api("gevent.socket.gethostbyname").host(arg(0, "hostname"))),
        Call(api("pycares.Channel").act(Verb::Prepare)),
        Call(api("pycares.Channel.query").host(arg(0, "name"))),
        Call(api("pycares.Channel.getaddrinfo").host(arg(0, "host"))),
        Call(api("trio.socket.getaddrinfo").host(arg(0, "host"))),
        Audit("socket.getaddrinfo"),
        // Raised for `gethostbyname_ex` too.
        Audit("socket.gethostbyname"),
        Audit("socket.gethostbyaddr"),
        Audit("socket.getnameinfo"),
    ],
};

/// A socket made without an address.
pub static NETWORK_SOCKETPAIR: Rule = Rule {
    name: "network-socketpair",
    capability: Capability::Network,
    level: Level::Error,
    since: "0.1.0",
    summary: "a connected socket is made from a pair, a descriptor or another process",
    verb: Verb::Connect,
    reported: Reported::ByPolicy,
    page: include_str!("../../rules/network-socketpair.md"),
    triggers: &[
        // The other end is in this process or a child of it.
        Call(api("socket.socketpair").fixed("localhost").patch_point()),
        Call(api("socket.fromfd").patch_point()),
        Call(api("socket.fromshare").patch_point()),
        Call(api("multiprocessing.Pipe").fixed("localhost").when(NotFalse(arg(0, "duplex")))),
        // Neither raises an event.
        Slot("_socket.socketpair"),
        Slot("_socket.dup"),
    ],
};

/// What these names give and inherit.
pub static TYPE_FACTS: &[TypeFact] = &[
    Alias { name: "_socket", of: "socket" },
    Alias { name: "socket.SocketType", of: "socket.socket" },
    Returns { api: "socket.create_connection", class: "socket.socket" },
    Returns { api: "socket.create_server", class: "socket.socket" },
    Returns { api: "socket.fromfd", class: "socket.socket" },
    Returns { api: "socket.fromshare", class: "socket.socket" },
    Returns { api: "socket.socket.dup", class: "socket.socket" },
    Extends { class: "gevent.socket.socket", base: "socket.socket" },
    Extends { class: "trio.socket.socket", base: "socket.socket" },
    Extends { class: "socks.socksocket", base: "socket.socket" },
    Returns { api: "gevent.socket.create_connection", class: "gevent.socket.socket" },
    Returns { api: "socks.create_connection", class: "socks.socksocket" },
    Alias { name: "eventlet.green.socket", of: "socket" },
    // asyncio names each of these again where it is written.
    Alias { name: "asyncio.base_events", of: "asyncio" },
    Alias { name: "asyncio.events", of: "asyncio" },
    Alias { name: "asyncio.selector_events", of: "asyncio" },
    Alias { name: "asyncio.streams", of: "asyncio" },
    Alias { name: "asyncio.transports", of: "asyncio" },
    Alias { name: "asyncio.unix_events", of: "asyncio" },
    Alias { name: "asyncio.windows_events", of: "asyncio" },
    Returns { api: "asyncio.get_event_loop", class: "asyncio.AbstractEventLoop" },
    Returns { api: "asyncio.get_running_loop", class: "asyncio.AbstractEventLoop" },
    Returns { api: "asyncio.new_event_loop", class: "asyncio.AbstractEventLoop" },
    Returns { api: "asyncio.Runner.get_loop", class: "asyncio.AbstractEventLoop" },
    Returns { api: "uvloop.new_event_loop", class: "asyncio.AbstractEventLoop" },
    Extends { class: "asyncio.BaseEventLoop", base: "asyncio.AbstractEventLoop" },
    Extends { class: "asyncio.EventLoop", base: "asyncio.BaseEventLoop" },
    Extends { class: "asyncio.ProactorEventLoop", base: "asyncio.BaseEventLoop" },
    Extends { class: "asyncio.SelectorEventLoop", base: "asyncio.BaseEventLoop" },
    Extends { class: "uvloop.Loop", base: "asyncio.AbstractEventLoop" },
    Extends { class: "asyncore.dispatcher_with_send", base: "asyncore.dispatcher" },
    Extends { class: "asynchat.async_chat", base: "asyncore.dispatcher_with_send" },
    Alias { name: "multiprocessing.connection.Pipe", of: "multiprocessing.Pipe" },
    Alias { name: "multiprocessing.context.BaseContext", of: "multiprocessing" },
    Returns { api: "multiprocessing.get_context", class: "multiprocessing.context.BaseContext" },
    Extends { class: "tornado.iostream.SSLIOStream", base: "tornado.iostream.IOStream" },
    Alias { name: "anyio._core._sockets", of: "anyio" },
];
