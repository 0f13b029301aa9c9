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
