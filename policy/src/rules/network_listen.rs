//! The network: what listens.

use crate::act::Verb;
use crate::capability::Capability;
use crate::rule::Condition::{Given, NotFalse};
use crate::rule::Trigger::{Audit, Call, Slot};
use crate::rule::TypeFact::{self, Alias, Extends, Returns};
use crate::rule::{Level, Reported, Rule, api, arg, keyword};

/// This family's rules.
pub static RULES: &[&Rule] = &[&NETWORK_LISTEN];

/// A socket that others may reach.
pub static NETWORK_LISTEN: Rule = Rule {
    name: "network-listen",
    capability: Capability::Network,
    level: Level::Error,
    since: "0.1.0",
    summary: "a socket is bound, or a server of the standard library listens",
    verb: Verb::Listen,
    reported: Reported::ByPolicy,
    page: include_str!("../../rules/network-listen.md"),
    triggers: &[
        Call(api("socket.socket.bind").address(arg(0, ""))),
        // Listening without `bind` binds every interface.
        Call(api("socket.socket.listen").receiver()),
        Call(api("socket.create_server").address(arg(0, "address"))),
        Call(api("asyncio.start_server").host_port(arg(1, "host"), arg(2, "port"))),
        Call(api("asyncio.start_unix_server").address(arg(1, "path"))),
        Call(
            api("asyncio.AbstractEventLoop.create_server")
                .host_port(arg(1, "host"), arg(2, "port")),
        ),
        Call(api("asyncio.AbstractEventLoop.create_unix_server").address(arg(1, "path"))),
        Call(
            api("asyncio.AbstractEventLoop.create_datagram_endpoint")
                .address(arg(1, "local_addr"))
                .when(Given(arg(1, "local_addr"))),
        ),
        Call(api("asyncore.dispatcher.bind").address(arg(0, "addr"))),
        Call(
            api("socketserver.TCPServer")
                .address(arg(0, "server_address"))
                .when(NotFalse(arg(2, "bind_and_activate"))),
        ),
        Call(
            api("socketserver.UDPServer")
                .address(arg(0, "server_address"))
                .when(NotFalse(arg(2, "bind_and_activate"))),
        ),
        Call(
            api("socketserver.UnixStreamServer")
                .address(arg(0, "server_address"))
                .when(NotFalse(arg(2, "bind_and_activate"))),
        ),
        Call(
            api("socketserver.UnixDatagramServer")
                .address(arg(0, "server_address"))
                .when(NotFalse(arg(2, "bind_and_activate"))),
        ),
        Call(
            api("socketserver.ThreadingTCPServer")
                .address(arg(0, "server_address"))
                .when(NotFalse(arg(2, "bind_and_activate"))),
        ),
        Call(
            api("socketserver.ThreadingUDPServer")
                .address(arg(0, "server_address"))
                .when(NotFalse(arg(2, "bind_and_activate"))),
        ),
        Call(
            api("socketserver.ThreadingUnixStreamServer")
                .address(arg(0, "server_address"))
                .when(NotFalse(arg(2, "bind_and_activate"))),
        ),
        Call(
            api("socketserver.ThreadingUnixDatagramServer")
                .address(arg(0, "server_address"))
                .when(NotFalse(arg(2, "bind_and_activate"))),
        ),
        Call(
            api("socketserver.ForkingTCPServer")
                .address(arg(0, "server_address"))
                .when(NotFalse(arg(2, "bind_and_activate"))),
        ),
        Call(
            api("socketserver.ForkingUDPServer")
                .address(arg(0, "server_address"))
                .when(NotFalse(arg(2, "bind_and_activate"))),
        ),
        Call(
            api("socketserver.ForkingUnixStreamServer")
                .address(arg(0, "server_address"))
                .when(NotFalse(arg(2, "bind_and_activate"))),
        ),
        Call(
            api("socketserver.ForkingUnixDatagramServer")
                .address(arg(0, "server_address"))
                .when(NotFalse(arg(2, "bind_and_activate"))),
        ),
        Call(api("socketserver.TCPServer.server_bind").receiver()),
        Call(api("socketserver.TCPServer.server_activate").receiver()),
        Call(
            api("http.server.HTTPServer")
                .address(arg(0, "server_address"))
                .when(NotFalse(arg(2, "bind_and_activate"))),
        ),
        Call(
            api("http.server.ThreadingHTTPServer")
                .address(arg(0, "server_address"))
                .when(NotFalse(arg(2, "bind_and_activate"))),
        ),
        Call(
            api("http.server.HTTPSServer")
                .address(arg(0, "server_address"))
                .when(NotFalse(arg(2, "bind_and_activate"))),
        ),
        Call(
            api("http.server.ThreadingHTTPSServer")
                .address(arg(0, "server_address"))
                .when(NotFalse(arg(2, "bind_and_activate"))),
        ),
        Call(api("http.server.test").host_port(arg(4, "bind"), arg(3, "port"))),
        Call(
            api("xmlrpc.server.SimpleXMLRPCServer")
                .address(arg(0, "addr"))
                .when(NotFalse(arg(5, "bind_and_activate"))),
        ),
        Call(
            api("xmlrpc.server.DocXMLRPCServer")
                .address(arg(0, "addr"))
                .when(NotFalse(arg(5, "bind_and_activate"))),
        ),
        Call(
            api("xmlrpc.server.MultiPathXMLRPCServer")
                .address(arg(0, "addr"))
                .when(NotFalse(arg(5, "bind_and_activate"))),
        ),
        Call(api("wsgiref.simple_server.make_server").host_port(arg(0, "host"), arg(1, "port"))),
        Call(
            api("wsgiref.simple_server.WSGIServer")
                .address(arg(0, "server_address"))
                .when(NotFalse(arg(2, "bind_and_activate"))),
        ),
        Call(api("multiprocessing.connection.Listener").address(arg(0, "address"))),
        Call(api("multiprocessing.connection.SocketListener").address(arg(0, "address"))),
        Call(api("multiprocessing.managers.BaseManager.start").receiver()),
        Call(api("multiprocessing.managers.BaseManager.get_server").receiver()),
        // Both start a process that listens, the first one on entering its `with` block.
        Call(api("multiprocessing.managers.SharedMemoryManager")),
        Call(api("multiprocessing.Manager")),
        Call(api("logging.config.listen").fixed("localhost")),
        Call(api("pydoc.browse").host_port(keyword("hostname"), arg(0, "port"))),
        Call(api("pydoc._start_server").host_port(arg(1, "hostname"), arg(2, "port"))),
        Call(api("smtpd.SMTPServer").address(arg(0, "localaddr"))),
        Call(api("smtpd.DebuggingServer").address(arg(0, "localaddr"))),
        Call(api("smtpd.PureProxy").address(arg(0, "localaddr"))),
        Call(api("smtpd.MailmanProxy").address(arg(0, "localaddr"))),
        Call(api("idlelib.rpc.RPCServer").address(arg(0, "addr"))),
        Call(api("idlelib.rpc.RPCClient").address(arg(0, "address"))),
        Call(api("test.support.socket_helper.bind_port").host(arg(1, "host"))),
        Call(api("test.support.socket_helper.find_unused_port").fixed("localhost")),
        Call(
            api("anyio.create_tcp_listener")
                .host_port(keyword("local_host"), keyword("local_port")),
        ),
        Call(api("anyio.create_unix_listener").address(arg(0, "path"))),
        Call(api("curio.tcp_server").host_port(arg(0, "host"), arg(1, "port"))),
        Call(api("eventlet.listen").address(arg(0, "addr"))),
        Call(api("gevent.server.StreamServer").address(arg(0, "listener"))),
        Call(api("gevent.server.DatagramServer").address(arg(0, "listener"))),
        Call(
            api("tornado.tcpserver.TCPServer.listen").host_port(arg(1, "address"), arg(0, "port")),
        ),
        Call(api("tornado.tcpserver.TCPServer.bind").host_port(arg(1, "address"), arg(0, "port"))),
        Call(api("tornado.netutil.bind_sockets").host_port(arg(1, "address"), arg(0, "port"))),
        Call(api("trio.open_tcp_listeners").host_port(keyword("host"), arg(0, "port"))),
        Call(api("trio.serve_tcp").host_port(keyword("host"), arg(1, "port"))),
        Call(api("twisted.internet.endpoints.serverFromString")),
        Call(
            api("twisted.internet.endpoints.TCP4ServerEndpoint")
                .host_port(arg(3, "interface"), arg(1, "port")),
        ),
        Call(
            api("twisted.internet.reactor.listenTCP")
                .host_port(arg(3, "interface"), arg(0, "port")),
        ),
        Call(
            api("twisted.internet.reactor.listenSSL")
                .host_port(arg(4, "interface"), arg(0, "port")),
        ),
        Call(
            api("twisted.internet.reactor.listenUDP")
                .host_port(arg(2, "interface"), arg(0, "port")),
        ),
        Audit("socket.bind"),
        // `listen` raises no event.
        Slot("_socket.socket.listen"),
    ],
};

/// What these names give and inherit.
pub static TYPE_FACTS: &[TypeFact] = &[
    Extends { class: "smtpd.SMTPServer", base: "asyncore.dispatcher" },
    Extends { class: "smtpd.DebuggingServer", base: "smtpd.SMTPServer" },
    Extends { class: "smtpd.PureProxy", base: "smtpd.SMTPServer" },
    Extends { class: "smtpd.MailmanProxy", base: "smtpd.PureProxy" },
    Extends { class: "socketserver.UDPServer", base: "socketserver.TCPServer" },
    Extends { class: "socketserver.UnixStreamServer", base: "socketserver.TCPServer" },
    Extends { class: "socketserver.UnixDatagramServer", base: "socketserver.UDPServer" },
    Extends { class: "socketserver.ThreadingTCPServer", base: "socketserver.TCPServer" },
    Extends { class: "socketserver.ThreadingUDPServer", base: "socketserver.UDPServer" },
    Extends {
        class: "socketserver.ThreadingUnixStreamServer",
        base: "socketserver.UnixStreamServer",
    },
    Extends {
        class: "socketserver.ThreadingUnixDatagramServer",
        base: "socketserver.UnixDatagramServer",
    },
    Extends { class: "socketserver.ForkingTCPServer", base: "socketserver.TCPServer" },
    Extends { class: "socketserver.ForkingUDPServer", base: "socketserver.UDPServer" },
    Extends {
        class: "socketserver.ForkingUnixStreamServer",
        base: "socketserver.UnixStreamServer",
    },
    Extends {
        class: "socketserver.ForkingUnixDatagramServer",
        base: "socketserver.UnixDatagramServer",
    },
    Extends { class: "http.server.HTTPServer", base: "socketserver.TCPServer" },
    Extends { class: "http.server.ThreadingHTTPServer", base: "http.server.HTTPServer" },
    Extends { class: "http.server.HTTPSServer", base: "http.server.HTTPServer" },
    Extends { class: "http.server.ThreadingHTTPSServer", base: "http.server.HTTPSServer" },
    Extends { class: "xmlrpc.server.SimpleXMLRPCServer", base: "socketserver.TCPServer" },
    Extends { class: "xmlrpc.server.DocXMLRPCServer", base: "xmlrpc.server.SimpleXMLRPCServer" },
    Extends {
        class: "xmlrpc.server.MultiPathXMLRPCServer",
        base: "xmlrpc.server.SimpleXMLRPCServer",
    },
    Extends { class: "wsgiref.simple_server.WSGIServer", base: "http.server.HTTPServer" },
    Returns { api: "wsgiref.simple_server.make_server", class: "wsgiref.simple_server.WSGIServer" },
    Extends {
        class: "multiprocessing.managers.SyncManager",
        base: "multiprocessing.managers.BaseManager",
    },
    Extends {
        class: "multiprocessing.managers.SharedMemoryManager",
        base: "multiprocessing.managers.SyncManager",
    },
    Extends { class: "tornado.httpserver.HTTPServer", base: "tornado.tcpserver.TCPServer" },
    Alias { name: "six.moves.BaseHTTPServer", of: "http.server" },
    Alias { name: "six.moves.SimpleHTTPServer", of: "http.server" },
    Alias { name: "six.moves.socketserver", of: "socketserver" },
    Alias { name: "six.moves.xmlrpc_server", of: "xmlrpc.server" },
    Extends { class: "idlelib.rpc.RPCServer", base: "socketserver.TCPServer" },
];
