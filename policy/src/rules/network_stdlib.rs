//! The network: what the standard library builds on sockets.

use crate::act::Verb;
use crate::capability::Capability;
use crate::rule::Condition::{Given, NotTrue};
use crate::rule::Trigger::{Audit, Call, Import, Slot};
use crate::rule::TypeFact::{self, Alias, Extends, Returns};
use crate::rule::{Level, Reported, Rule, api, arg};

/// This family's rules.
pub static RULES: &[&Rule] = &[&NETWORK_BROWSER, &NETWORK_CLIENT, &NETWORK_LOGGING, &NETWORK_TLS];

/// A client of the standard library.
pub static NETWORK_CLIENT: Rule = Rule {
    name: "network-client",
    capability: Capability::Network,
    level: Level::Error,
    since: "0.1.0",
    summary: "a client of the standard library connects (HTTP, FTP, mail, XML-RPC)",
    verb: Verb::Connect,
    reported: Reported::ByPolicy,
    page: include_str!("../../rules/network-client.md"),
    triggers: &[
        Call(
            api("http.client.HTTPConnection")
                .host_port(arg(0, "host"), arg(1, "port"))
                .act(Verb::Prepare),
        ),
        Call(
            api("http.client.HTTPSConnection")
                .host_port(arg(0, "host"), arg(1, "port"))
                .act(Verb::Prepare),
        ),
        Call(api("http.client.HTTPConnection.connect").receiver()),
        Call(api("http.client.HTTPConnection.request").receiver()),
        // Both connect when `auto_open` is set, as it is by default.
        Call(api("http.client.HTTPConnection.endheaders").receiver()),
        Call(api("http.client.HTTPConnection.send").receiver()),
        Call(api("urllib.request.urlopen").url(arg(0, "url"))),
        Call(api("urllib.request.urlretrieve").url(arg(0, "url"))),
        Call(api("urllib.request.Request").url(arg(0, "url")).act(Verb::Prepare)),
        Call(api("urllib.request.build_opener").act(Verb::Prepare)),
        Call(api("urllib.request.OpenerDirector").act(Verb::Prepare)),
        Call(api("urllib.request.OpenerDirector.open").url(arg(0, "fullurl"))),
        Call(api("urllib.request.URLopener").act(Verb::Prepare)),
        Call(api("urllib.request.FancyURLopener").act(Verb::Prepare)),
        Call(api("urllib.request.URLopener.open").url(arg(0, "fullurl"))),
        Call(api("urllib.request.URLopener.retrieve").url(arg(0, "url"))),
        Call(api("urllib.robotparser.RobotFileParser").url(arg(0, "url")).act(Verb::Prepare)),
        Call(api("urllib.robotparser.RobotFileParser.read").receiver()),
        // Without a host these connect only when told to.
        Call(api("ftplib.FTP").host(arg(0, "host")).when(Given(arg(0, "host")))),
        Call(api("ftplib.FTP_TLS").host(arg(0, "host")).when(Given(arg(0, "host")))),
        Call(api("ftplib.FTP.connect").host_port(arg(0, "host"), arg(1, "port"))),
        Call(
            api("smtplib.SMTP")
                .host_port(arg(0, "host"), arg(1, "port"))
                .when(Given(arg(0, "host"))),
        ),
        Call(
            api("smtplib.SMTP_SSL")
                .host_port(arg(0, "host"), arg(1, "port"))
                .when(Given(arg(0, "host"))),
        ),
        Call(
            api("smtplib.LMTP")
                .host_port(arg(0, "host"), arg(1, "port"))
                .when(Given(arg(0, "host"))),
        ),
        Call(api("smtplib.SMTP.connect").host_port(arg(0, "host"), arg(1, "port"))),
        // An empty host is the local one: these connect whatever is given.
        Call(api("imaplib.IMAP4").host_port(arg(0, "host"), arg(1, "port"))),
        Call(api("imaplib.IMAP4_SSL").host_port(arg(0, "host"), arg(1, "port"))),
        Call(api("imaplib.IMAP4.open").host_port(arg(0, "host"), arg(1, "port"))),
        Call(api("poplib.POP3").host_port(arg(0, "host"), arg(1, "port"))),
        Call(api("poplib.POP3_SSL").host_port(arg(0, "host"), arg(1, "port"))),
        Call(api("nntplib.NNTP").host_port(arg(0, "host"), arg(1, "port"))),
        Call(api("nntplib.NNTP_SSL").host_port(arg(0, "host"), arg(1, "port"))),
        Call(
            api("telnetlib.Telnet")
                .host_port(arg(0, "host"), arg(1, "port"))
                .when(Given(arg(0, "host"))),
        ),
        Call(api("telnetlib.Telnet.open").host_port(arg(0, "host"), arg(1, "port"))),
        // Every attribute of a proxy is a remote method: making one is as good as calling it.
        Call(api("xmlrpc.client.ServerProxy").url(arg(0, "uri"))),
        Call(api("xmlrpc.client.Transport.request").host(arg(0, "host"))),
    ],
};

/// TLS over a socket.
pub static NETWORK_TLS: Rule = Rule {
    name: "network-tls",
    capability: Capability::Network,
    level: Level::Error,
    since: "0.1.0",
    summary: "a TLS client is put on a socket, or a certificate is fetched",
    verb: Verb::Connect,
    reported: Reported::ByPolicy,
    page: include_str!("../../rules/network-tls.md"),
    triggers: &[
        Call(api("ssl.get_server_certificate").address(arg(0, "addr"))),
        Call(
            api("ssl.SSLContext.wrap_socket")
                .host(arg(4, "server_hostname"))
                .when(NotTrue(arg(1, "server_side"))),
        ),
        // Over memory: whoever moves the bytes has the connection.
        Call(
            api("ssl.SSLContext.wrap_bio")
                .host(arg(3, "server_hostname"))
                .when(NotTrue(arg(2, "server_side")))
                .act(Verb::Prepare),
        ),
        // Gone since 3.12; it takes no host.
        Call(api("ssl.wrap_socket").when(NotTrue(arg(3, "server_side")))),
        Slot("_ssl._SSLContext._wrap_socket"),
    ],
};

/// Log records that leave the process.
pub static NETWORK_LOGGING: Rule = Rule {
    name: "network-logging",
    capability: Capability::Network,
    level: Level::Error,
    since: "0.1.0",
    summary: "a log handler sends records to a host or to the system log",
    verb: Verb::Connect,
    reported: Reported::ByPolicy,
    page: include_str!("../../rules/network-logging.md"),
    triggers: &[
        // Most connect at the first record, which any logging call may be: the handler is the act.
        Call(api("logging.handlers.SocketHandler").host_port(arg(0, "host"), arg(1, "port"))),
        Call(api("logging.handlers.DatagramHandler").host_port(arg(0, "host"), arg(1, "port"))),
        Call(api("logging.handlers.SysLogHandler").address(arg(0, "address"))),
        Call(api("logging.handlers.SMTPHandler").host(arg(0, "mailhost"))),
        Call(api("logging.handlers.HTTPHandler").host(arg(0, "host"))),
        // Over the system's own Unix socket; no socket event is raised.
        Call(api("syslog.syslog")),
        Call(api("syslog.openlog").act(Verb::Prepare)),
        Audit("syslog.syslog"),
    ],
};

/// A web browser, driven or opened.
pub static NETWORK_BROWSER: Rule = Rule {
    name: "network-browser",
    capability: Capability::Network,
    level: Level::Error,
    since: "0.1.0",
    summary: "a web browser is opened or driven",
    verb: Verb::Connect,
    reported: Reported::ByPolicy,
    page: include_str!("../../rules/network-browser.md"),
    triggers: &[
        Call(api("webbrowser.open").url(arg(0, "url"))),
        Call(api("webbrowser.open_new").url(arg(0, "url"))),
        Call(api("webbrowser.open_new_tab").url(arg(0, "url"))),
        Call(api("webbrowser.BaseBrowser.open").url(arg(0, "url"))),
        Call(api("webbrowser.BaseBrowser.open_new").url(arg(0, "url"))),
        Call(api("webbrowser.BaseBrowser.open_new_tab").url(arg(0, "url"))),
        // Importing it opens a page.
        Import("antigravity"),
        Call(api("mechanize.Browser").act(Verb::Prepare)),
        Call(api("mechanize.Browser.open").url(arg(0, "url_or_request"))),
        Call(api("playwright.async_api.async_playwright")),
        Call(api("playwright.async_api.Page.goto").url(arg(0, "url"))),
        Call(api("playwright.sync_api.sync_playwright")),
        Call(api("playwright.sync_api.Page.goto").url(arg(0, "url"))),
        Call(api("pyppeteer.launch")),
        Call(api("pyppeteer.connect")),
        Call(api("scrapy.Request").url(arg(0, "url")).act(Verb::Prepare)),
        Call(api("scrapy.crawler.CrawlerProcess").act(Verb::Prepare)),
        Call(api("scrapy.crawler.CrawlerProcess.start")),
        Call(api("scrapy.crawler.CrawlerRunner.crawl")),
        // Each starts the browser and connects to its driver.
        Call(api("selenium.webdriver.Chrome")),
        Call(api("selenium.webdriver.Edge")),
        Call(api("selenium.webdriver.Firefox")),
        Call(api("selenium.webdriver.Ie")),
        Call(api("selenium.webdriver.Remote").url(arg(0, "command_executor"))),
        Call(api("selenium.webdriver.Safari")),
        Call(api("selenium.webdriver.Remote.get").url(arg(0, "url"))),
        Audit("webbrowser.open"),
    ],
};

/// What these names give and inherit.
pub static TYPE_FACTS: &[TypeFact] = &[
    Extends { class: "http.client.HTTPSConnection", base: "http.client.HTTPConnection" },
    Returns { api: "urllib.request.build_opener", class: "urllib.request.OpenerDirector" },
    Extends { class: "urllib.request.FancyURLopener", base: "urllib.request.URLopener" },
    Extends { class: "ftplib.FTP_TLS", base: "ftplib.FTP" },
    Extends { class: "smtplib.SMTP_SSL", base: "smtplib.SMTP" },
    Extends { class: "smtplib.LMTP", base: "smtplib.SMTP" },
    Extends { class: "imaplib.IMAP4_SSL", base: "imaplib.IMAP4" },
    Extends { class: "poplib.POP3_SSL", base: "poplib.POP3" },
    Extends { class: "nntplib.NNTP_SSL", base: "nntplib.NNTP" },
    Alias { name: "xmlrpc.client.Server", of: "xmlrpc.client.ServerProxy" },
    Extends { class: "xmlrpc.client.SafeTransport", base: "xmlrpc.client.Transport" },
    Alias { name: "ssl.create_connection", of: "socket.create_connection" },
    Alias { name: "ssl.socket", of: "socket.socket" },
    Returns { api: "ssl.create_default_context", class: "ssl.SSLContext" },
    Returns { api: "ssl._create_unverified_context", class: "ssl.SSLContext" },
    Returns { api: "ssl._create_stdlib_context", class: "ssl.SSLContext" },
    Returns { api: "ssl._create_default_https_context", class: "ssl.SSLContext" },
    Returns { api: "ssl.SSLContext.wrap_socket", class: "ssl.SSLSocket" },
    Returns { api: "ssl.wrap_socket", class: "ssl.SSLSocket" },
    Extends { class: "ssl.SSLSocket", base: "socket.socket" },
    Returns { api: "webbrowser.get", class: "webbrowser.BaseBrowser" },
    Extends { class: "webbrowser.GenericBrowser", base: "webbrowser.BaseBrowser" },
    Extends { class: "webbrowser.BackgroundBrowser", base: "webbrowser.GenericBrowser" },
    Extends { class: "selenium.webdriver.Chrome", base: "selenium.webdriver.Remote" },
    Extends { class: "selenium.webdriver.Edge", base: "selenium.webdriver.Remote" },
    Extends { class: "selenium.webdriver.Firefox", base: "selenium.webdriver.Remote" },
    Extends { class: "selenium.webdriver.Ie", base: "selenium.webdriver.Remote" },
    Extends { class: "selenium.webdriver.Safari", base: "selenium.webdriver.Remote" },
    Alias {
        name: "selenium.webdriver.remote.webdriver.WebDriver",
        of: "selenium.webdriver.Remote",
    },
    Alias {
        name: "selenium.webdriver.chrome.webdriver.WebDriver",
        of: "selenium.webdriver.Chrome",
    },
    Alias {
        name: "selenium.webdriver.firefox.webdriver.WebDriver",
        of: "selenium.webdriver.Firefox",
    },
    Extends { class: "scrapy.crawler.CrawlerProcess", base: "scrapy.crawler.CrawlerRunner" },
    Extends { class: "scrapy.FormRequest", base: "scrapy.Request" },
    Alias { name: "scrapy.http.Request", of: "scrapy.Request" },
    // The same modules under the names a Python 2 and 3 code base uses.
    Alias { name: "six.moves.http_client", of: "http.client" },
    Alias { name: "six.moves.urllib", of: "urllib" },
    Alias { name: "six.moves.xmlrpc_client", of: "xmlrpc.client" },
    Alias { name: "future.moves.urllib", of: "urllib" },
    Alias { name: "future.backports.urllib", of: "urllib" },
];
