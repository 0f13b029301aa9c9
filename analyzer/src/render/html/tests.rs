use super::*;
use crate::render::capabilities::fixture::{capabilities, entry, step};
use crate::render::fixture::text;
use crate::source::{FileKind, decode};

/// Knows one text, whatever the path.
struct Always(&'static str);

impl Sources for Always {
    fn source(&self, _path: &str) -> Option<Source> {
        decode(self.0.as_bytes().to_vec(), FileKind::Module).ok()
    }
}

const NETWORK: Reach = Reach::Capability(Capability::Network);

fn page(entries: Vec<Entry>, most_modules: usize, most_bytes: usize) -> String {
    let all = capabilities(entries);
    let sources = Always("import os\n\nos.system('</script><b>')\n\n\n\nlast()\n");
    text(|out| write_bounded(out, &all, Granularity::Module, &sources, most_modules, most_bytes))
}

/// The data of a page, read as the script reads it.
fn data(page: &str) -> serde_json::Value {
    let (_, rest) = page.split_once("id=\"data\">").expect("data");
    let (json, _) = rest.split_once("</script>").expect("its end");
    serde_json::from_str(json).expect("JSON")
}

#[test]
fn text_of_the_program_is_no_markup() {
    let name = "a.</th><script>x</script>'\"&\u{202e}";
    let page = page(
        vec![entry(name, name, NETWORK, When::Import, vec![step(name, name, 3)])],
        10,
        MOST_BYTES,
    );
    assert_eq!(page.matches("<script").count(), 2, "{page}");
    assert_eq!(page.matches("</script>").count(), 2);
    assert!(!page.contains('\u{202e}'));
    assert!(page.contains(
        "<span>a.&#60;/th&#62;&#60;script&#62;x&#60;/script&#62;&#39;&#34;&#38;\\u{202e}</span>"
    ));
    let data = data(&page);
    assert_eq!(data["names"][0], "a.</th><script>x</script>'\"&\\u{202e}");
    let lines = &data["lines"][0];
    assert_eq!(lines[2], serde_json::json!([0, 3, "os.system('</script><b>')"]));
    assert_eq!(lines.as_array().map(Vec::len), Some(5), "two rows on either side");
}

#[test]
fn only_what_has_the_nonce_runs_and_it_is_made_of_the_content() {
    let nonce = |page: &str| {
        let (_, rest) = page.split_once("script-src 'nonce-").expect("a policy");
        rest.split('\'').next().unwrap_or_default().to_owned()
    };
    let of = |row| entry("a", "a.py", NETWORK, When::Import, vec![step("s", "a.py", row)]);
    let (one, other) = (page(vec![of(1)], 10, 100), page(vec![of(3)], 10, 100));
    assert_eq!(one, page(vec![of(1)], 10, 100), "the same bytes for the same program");
    assert_ne!(nonce(&one), nonce(&other));
    assert_eq!(one.matches(&format!("nonce=\"{}\"", nonce(&one))).count(), 2);
    assert!(one.contains("default-src 'none'"));
    for from in ["http:", "https:", "src=", "@import", "url("] {
        assert!(!one.contains(from), "{from}");
    }
}

#[test]
fn ways_share_their_ends() {
    let api = step("socket.socket", "b.py", 3);
    let through = vec![step("b.f", "a.py", 1), api.clone()];
    let page = page(
        vec![
            entry("a", "a.py", NETWORK, When::Call, through),
            entry("b", "b.py", NETWORK, When::Call, vec![api]),
        ],
        10,
        MOST_BYTES,
    );
    let data = data(&page);
    assert_eq!(data["ways"], serde_json::json!([[0, 0, 0, 3, null], [1, 1, 0, 1, 0]]));
    assert_eq!(data["columns"], serde_json::json!(["network", "unresolved"]));
}

#[test]
fn what_does_not_fit_is_told() {
    let via = |row| vec![step("s", "a.py", row)];
    let entries = vec![
        entry("p.a", "a.py", Reach::Unresolved, When::Call, via(1)),
        entry("p.b", "b.py", NETWORK, When::Call, vec![step("t", "b.py", 7), step("s", "a.py", 1)]),
    ];
    let all = page(entries.clone(), 10, MOST_BYTES);
    assert!(!all.contains("left-out\""), "{all}");
    let cut = page(entries, 1, 1);
    assert!(cut.contains("<li>1 modules have no row of their own"), "{cut}");
    assert!(cut.contains("<li>1 steps have no excerpt, those farthest"), "{cut}");
    assert!(cut.contains("<span>p.b</span>") && !cut.contains("<span>p.a</span>"), "{cut}");
}

#[test]
fn a_module_in_no_package_has_one_row_and_counts_stand_for_unresolved() {
    let via = || vec![step("unresolved", "a.py", 1)];
    let page = page(vec![entry("a", "a.py", Reach::Unresolved, When::Call, via())], 10, 100);
    assert_eq!(page.matches("<th scope=\"row\"").count(), 1);
    assert!(page.contains("<button type=\"button\" class=\"c u\" data-e=\"0\">1</button>"));
    assert!(page.contains("Reached by nothing: network, subprocess"));
}
