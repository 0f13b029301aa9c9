use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::{LeastPolicy, Need, Object, Places, of_run};
use crate::act::Verb;
use crate::config::Config;
use crate::operand::{Endpoint, Host};
use crate::rules;

fn need(rule: &str, api: &str, object: Object) -> Need {
    let rule = rules::find(rule).unwrap();
    Need { rule, verb: rule.verb, api: api.into(), object, name: None, who: "a.py:1".into() }
}

fn connect(host: &str, port: u16, name: Option<&str>) -> Need {
    let end = Endpoint::Inet { host: Host::parse(host).unwrap(), port: Some(port) };
    let need = need("network-connect", "socket.connect", Object::Endpoint(end));
    Need { name: name.map(|name| Host::parse(name).unwrap()), ..need }
}

fn write(path: &str) -> Need {
    need("file-write", "open", Object::Path(path.into()))
}

fn read(path: &str) -> Need {
    need("file-read", "open", Object::Path(path.into()))
}

fn least(needs: &[Need]) -> LeastPolicy {
    of_run(needs, &Places::new("/srv/app", vec!["/tmp".into()], vec!["/home/me".into()]))
}

/// What is said of a run is what the text says, and allows the run.
fn text(needs: &[Need]) -> String {
    let least = least(needs);
    let text = least.toml(&ToOwned::to_owned, None);
    let read = Config::from_pyproject(&text).unwrap().unwrap();
    let built = read.policy.build().unwrap();
    for need in needs.iter().filter(|need| need.rule.name != "introspection") {
        assert!(need.is_allowed(&built), "{need:?}\n{text}");
    }
    text
}

#[test]
fn a_run_that_does_nothing_needs_nothing() {
    let text = text(&[]);
    assert_eq!(
        text,
        "[tool.hermetic]\nno-network = true\nno-subprocess = true\nfs-readonly = \"/srv/app\"\n\
         no-environment = true\nno-code-exec = true\nblock-native = true\n\
         no-interpreter-mutation = true\n"
    );
}

#[test]
fn hosts_are_allowed_by_the_name_that_was_looked_up() {
    let least = least(&[
        connect("192.0.2.1", 443, Some("api.example.com")),
        connect("192.0.2.7", 443, None),
        connect("2001:db8::1", 80, None),
        connect("127.0.0.1", 40123, None),
        connect("127.0.0.1", 40124, None),
    ]);
    assert_eq!(
        least.options.allow_domain,
        ["192.0.2.7:443", "[2001:db8::1]:80", "api.example.com:443"]
    );
    assert!(least.options.no_network && least.options.allow_localhost);
}

#[test]
fn a_host_with_many_ports_is_allowed_whole() {
    let needs: Vec<Need> =
        [1, 2, 3].map(|port| connect("192.0.2.1", port, Some("h.example"))).into();
    assert_eq!(least(&needs).options.allow_domain, ["h.example"]);
    text(&needs);
}

#[test]
fn what_no_list_allows_leaves_the_guard_out() {
    let end = Endpoint::Inet { host: Host::parse("0.0.0.0").unwrap(), port: Some(80) };
    let listen = need("network-listen", "socket.bind", Object::Endpoint(end));
    let needs = [listen, connect("192.0.2.1", 1, None), connect("169.254.169.254", 80, None)];
    let text = text(&needs);
    assert!(
        text.contains("# no-network is left out; needed by\n#   a.py:1 (socket.bind)"),
        "{text}"
    );
    assert!(!text.contains("allow-domain"));
}

#[test]
fn a_socket_or_look_up_alone_is_allowed_too() {
    let look = |host: &str| {
        let end = Endpoint::Inet { host: Host::parse(host).unwrap(), port: None };
        need("network-resolve", "socket.getaddrinfo", Object::Endpoint(end))
    };
    let unix = Endpoint::Unix("/run/app.sock".into());
    let needs = [
        look("a.example"),
        look("b.example"),
        connect("192.0.2.1", 443, Some("b.example")),
        need("network-connect", "socket.connect", Object::Endpoint(unix)),
    ];
    let least = least(&needs);
    assert_eq!(least.options.allow_domain, ["a.example", "b.example:443", "unix:/run/app.sock"]);
    text(&needs);
}

#[test]
fn files_are_allowed_by_folder_and_reading_by_the_root() {
    let least = least(&[write("/srv/app/out/x"), read("/srv/app/data")]);
    assert_eq!(least.options.fs_root.as_deref(), Some("/srv/app"));
    assert_eq!(least.options.allow_write, ["/srv/app/out"]);
    let needs = [write("/srv/app/out/x"), read("/etc/hosts"), write("/tmp/tmpab12cd34")];
    let text = text(&needs);
    assert!(text.contains("fs-readonly = true\n# no folder alone can be read"), "{text}");
    assert!(text.contains("\n  #   a.py:1 (open /srv/app/out/x)\n  \"/srv/app/out\",\n"), "{text}");
    let written = LeastPolicy::toml(
        &of_run(&needs, &Places::new("/srv/app", vec!["/tmp".into()], vec![])),
        &ToOwned::to_owned,
        Some("/srv/app"),
    );
    assert!(written.contains("\"out\",") && written.contains("\"/tmp\","), "{written}");
}

#[test]
fn a_change_without_a_path_leaves_files_alone() {
    assert!(!least(&[need("file-remove", "os.remove", Object::Nothing)]).options.fs_readonly);
}

#[test]
fn a_walk_through_the_heap_leaves_out_what_hides_there() {
    let options = least(&[need("introspection", "gc.get_objects", Object::Nothing)]).options;
    assert!(options.no_network && options.no_subprocess && options.fs_readonly);
    assert!(!options.no_environment && !options.block_native && !options.no_code_exec);
}

#[test]
fn imports_are_judged_by_every_guard_that_names_them() {
    let import = |name: &str| Need {
        verb: Verb::Import,
        ..need("denied-import", "import", Object::Name(name.into()))
    };
    let extension = |name: &str| Need {
        verb: Verb::ImportExtension,
        ..need("native-import", "import", Object::Name(name.into()))
    };
    let options = least(&[import("pickle"), import("pexpect"), extension("numpy.core")]).options;
    assert!(!options.no_code_exec && !options.no_subprocess);
    assert_eq!(options.allow_native, ["numpy"]);
    assert!(!least(&[import("ctypes")]).options.block_native);
}

#[test]
fn strings_of_toml_hold_any_text() {
    assert_eq!(super::quoted("a\"b\\c\n"), "\"a\\\"b\\\\c\\u000A\"");
}
