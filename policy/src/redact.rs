//! What may be a secret, taken out of a text before it is kept.
//!
//! A trace is read by others than who runs the program. What is done to it is told, what was given
//! for it is not: the user and password of a URL, its query and fragment, and words of a command
//! that are named like a secret or look like one. Telling a secret from other text can fail either
//! way; a word that is taken for one is shown as `[redacted]`, never shortened.

use alloc::borrow::ToOwned as _;
use alloc::string::String;

/// What stands in a secret's place.
pub const REDACTED: &str = "[redacted]";

/// Parts of names that stand for secrets, in lower case.
const NAMES: [&str; 14] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "apikey",
    "api-key",
    "api_key",
    "access-key",
    "access_key",
    "credential",
    "authorization",
    "private",
];

/// Beginnings of tokens that services give out, with the fewest characters such a token has.
const BEGINNINGS: [(&str, usize); 11] = [
    ("AKIA", 16),
    ("ASIA", 16),
    ("AIza", 30),
    ("eyJ", 20),
    ("ghp_", 20),
    ("gho_", 20),
    ("ghs_", 20),
    ("github_pat_", 20),
    ("glpat-", 16),
    ("sk-", 20),
    ("xox", 16),
];

/// The most characters an ordinary word of mixed letters and digits has.
const LONGEST_WORD: usize = 31;

/// A URL without user, password, query and fragment. A text that is none comes back as it is.
pub fn url(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, behind) = rest.split_at(end);
    let mut shown = String::from(scheme);
    shown.push_str("://");
    match authority.rsplit_once('@') {
        Some((_, host)) => {
            shown.push_str(REDACTED);
            shown.push('@');
            shown.push_str(host);
        }
        None => shown.push_str(authority),
    }
    match behind.find(['?', '#']) {
        Some(at) => {
            let (path, query) = behind.split_at(at);
            shown.push_str(path);
            shown.extend(query.chars().take(1));
            shown.push_str(REDACTED);
        }
        None => shown.push_str(behind),
    }
    shown
}

/// A command, or one word of it, without what looks like a secret.
pub fn command(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    // Whether the word before names a secret that this one is.
    let mut is_value = false;
    while !rest.is_empty() {
        let space = rest.len() - rest.trim_start().len();
        let (before, after) = rest.split_at(space);
        shown.push_str(before);
        let end = after.find(char::is_whitespace).unwrap_or(after.len());
        let (one, behind) = after.split_at(end);
        rest = behind;
        if one.is_empty() {
            continue;
        }
        let bare = one.trim_matches(['"', '\'']);
        // `Authorization: Bearer TOKEN`: the scheme tells nothing, what follows does.
        let is_scheme = ["bearer", "basic", "digest"].contains(&bare.to_ascii_lowercase().as_str());
        if is_value && !is_scheme {
            shown.push_str(REDACTED);
            is_value = false;
            continue;
        }
        is_value = is_scheme
            || (names_secret(bare)
                && (bare.ends_with(':') || (bare.starts_with('-') && !bare.contains('='))));
        shown.push_str(&word(one));
    }
    shown
}

fn word(text: &str) -> String {
    if text.contains("://") {
        // What stands before a URL in the same word: `--url=`, a quote.
        let start = text.find("://").map_or(0, |at| {
            let is_scheme = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
            at - text.as_bytes().iter().take(at).rev().take_while(|b| is_scheme(b)).count()
        });
        let (before, rest) = text.split_at(start);
        let mut shown = before.to_owned();
        shown.push_str(&url(rest));
        return shown;
    }
    if let Some((name, value)) = text.split_once(['=', ':'])
        && !value.is_empty()
        && names_secret(name)
    {
        let end = name.len() + 1;
        let mut shown = text.get(..end).unwrap_or(name).to_owned();
        shown.push_str(REDACTED);
        return shown;
    }
    let value = text.split_once('=').map_or(text, |(_, value)| value);
    if is_token(value.trim_matches(['"', '\''])) {
        let name = text.get(..text.len() - value.len()).unwrap_or_default();
        let mut shown = name.to_owned();
        shown.push_str(REDACTED);
        return shown;
    }
    text.to_owned()
}

fn names_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    NAMES.iter().any(|known| name.contains(known))
}

/// Whether a word looks like a token: by how it begins, or by its length and its mixture.
fn is_token(word: &str) -> bool {
    if BEGINNINGS.iter().any(|(start, least)| word.starts_with(start) && word.len() >= *least) {
        return true;
    }
    let is_of =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+' | b'=');
    word.len() > LONGEST_WORD
        && word.bytes().all(is_of)
        && word.bytes().any(|byte| byte.is_ascii_digit())
        && word.bytes().any(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::{command, url};

    #[test]
    fn urls_keep_where_they_lead_and_nothing_that_was_given() {
        for (text, shown) in [
            ("https://a.example/x", "https://a.example/x"),
            ("https://me:pw@a.example:8/x?k=v#f", "https://[redacted]@a.example:8/x?[redacted]"),
            ("https://a.example#access", "https://a.example#[redacted]"),
            ("https://a@b@c.example/", "https://[redacted]@c.example/"),
            ("a.example", "a.example"),
        ] {
            assert_eq!(url(text), shown);
        }
    }

    #[test]
    fn commands_keep_what_is_run() {
        for (text, shown) in [
            ("make test -j2", "make test -j2"),
            ("/usr/bin/git", "/usr/bin/git"),
            ("mysql --password=hunter2 db", "mysql --password=[redacted] db"),
            ("tool --token abc next", "tool --token [redacted] next"),
            ("API_KEY=abc run", "API_KEY=[redacted] run"),
            (
                "curl -H 'Authorization: Bearer abc.def' x",
                "curl -H 'Authorization: Bearer [redacted] x",
            ),
            ("git clone https://me:pw@a.example/r", "git clone https://[redacted]@a.example/r"),
            ("x --url=https://a.example/?k=v", "x --url=https://a.example/?[redacted]"),
            ("echo ghp_0123456789abcdefghij0123", "echo [redacted]"),
            ("login 0123456789abcdef0123456789abcdef", "login [redacted]"),
            (
                "cat /srv/0123456789abcdef0123456789abcdef/x",
                "cat /srv/0123456789abcdef0123456789abcdef/x",
            ),
        ] {
            assert_eq!(command(text), shown);
        }
    }
}
