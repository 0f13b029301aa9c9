//! The grammar of the escape corpus: a page is a family, a `##` section an attack.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use hermetic_policy::PolicyOptions;
use hermetic_policy::config::Config;
use serde_json::{Value, json};

use crate::repository::{markdown_in, read, root, slashed};

/// One attack.
#[derive(Debug, Default)]
pub(crate) struct Attack {
    /// `path:line` of its heading.
    pub place: String,
    /// The heading.
    pub name: String,
    /// What it does.
    pub lead: String,
    /// The `toml` block of the section, or of the page.
    pub policy: String,
    /// The `py before` block: what runs before the guard is installed.
    pub before: String,
    /// The `py` block: what runs after.
    pub source: String,
    /// What becomes of it under the guard.
    pub status: Status,
    /// `min=3.10`, `max=3.12`: the versions that have what it is about.
    pub versions: [Option<(u32, u32)>; 2],
    /// `needs=_tkinter`: modules without which it means nothing.
    pub needs: Vec<String>,
    /// `unsealed`: the policy is not sealed.
    pub unsealed: bool,
    /// `silent`: it is stopped without anything being denied, or after the attack's own end.
    pub silent: bool,
}

/// What becomes of an attack under the guard.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Status {
    /// It fails.
    #[default]
    Blocked,
    /// The guard does not start.
    Refused(String),
    /// It succeeds, for a reason that is documented.
    Known(String),
}

/// Whether an attack gets through where the kernel layer is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Through {
    /// Without the guard.
    pub kernel: bool,
    /// Beside it.
    pub both: bool,
}

/// What is recorded: of the version it is recorded on, and of the others what differs.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub all: BTreeMap<String, Through>,
    /// By attack and minor version.
    pub other: BTreeMap<(String, u32), Through>,
}

const ALL: &str = "tests/corpus/escapes/settings.csv";
const OTHER: &str = "tests/corpus/escapes/settings-of-versions.csv";

/// What is recorded of each attack.
pub(crate) fn record() -> Record {
    let through = |cell: &str| cell == "through";
    let mut record = Record::default();
    for row in rows(ALL) {
        if let [name, kernel, both] = row.as_slice() {
            let of = Through { kernel: through(kernel), both: through(both) };
            record.all.insert(name.clone(), of);
        }
    }
    for row in rows(OTHER) {
        if let [name, version, kernel, both] = row.as_slice()
            && let Some(minor) = version.strip_prefix("3.").and_then(|minor| minor.parse().ok())
        {
            let of = Through { kernel: through(kernel), both: through(both) };
            record.other.insert((name.clone(), minor), of);
        }
    }
    record
}

fn rows(path: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(root().join(path)).unwrap_or_default();
    text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

impl Record {
    /// What is recorded of an attack on a version.
    pub(crate) fn of(&self, name: &str, minor: u32) -> Option<Through> {
        let other = self.other.get(&(name.to_owned(), minor));
        other.or_else(|| self.all.get(name)).copied()
    }

    /// Write it.
    pub(crate) fn write(&self) {
        let word = |through| if through { "through" } else { "stopped" };
        let mut text = "attack,kernel,both\n".to_owned();
        for (name, through) in &self.all {
            let _ = writeln!(text, "{name},{},{}", word(through.kernel), word(through.both));
        }
        std::fs::write(root().join(ALL), text).expect("the record is written");
        let mut text = "attack,version,kernel,both\n".to_owned();
        for ((name, minor), through) in &self.other {
            let (kernel, both) = (word(through.kernel), word(through.both));
            let _ = writeln!(text, "{name},3.{minor},{kernel},{both}");
        }
        std::fs::write(root().join(OTHER), text).expect("the record is written");
    }
}

/// Every attack of `tests/corpus/escapes`, and what is wrong with its pages.
pub(crate) fn attacks() -> (Vec<Attack>, Vec<String>) {
    let mut all = (Vec::new(), Vec::new());
    for path in markdown_in("tests/corpus/escapes") {
        let (attacks, complaints) = parse(&slashed(&path), &read(&path));
        all.0.extend(attacks);
        all.1.extend(complaints);
    }
    all
}

/// The attacks of a page, and what is wrong with it.
fn parse(path: &str, text: &str) -> (Vec<Attack>, Vec<String>) {
    let mut attacks: Vec<Attack> = Vec::new();
    let mut complaints = Vec::new();
    let mut page_policy = String::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let place = format!("{path}:{}", index + 1);
        if let Some(name) = line.strip_prefix("## ") {
            attacks.push(Attack {
                place,
                name: name.trim().to_owned(),
                policy: page_policy.clone(),
                ..Attack::default()
            });
        } else if let Some(fence) = line.strip_prefix("```") {
            let mut body = String::new();
            for (_, line) in lines.by_ref().take_while(|(_, line)| *line != "```") {
                body.push_str(line);
                body.push('\n');
            }
            let block = match attacks.last_mut() {
                Some(attack) => attack.block(fence, body),
                None if fence == "toml" => {
                    page_policy = body;
                    Ok(())
                }
                None => Err(format!("a block `{fence}` before the first attack")),
            };
            complaints.extend(block.err().map(|what| format!("{place}: {what}")));
        } else if let Some(attack) = attacks.last_mut() {
            attack.prose(line);
        }
    }
    for attack in &attacks {
        complaints.extend(attack.shape().iter().map(|what| format!("{}: {what}", attack.place)));
    }
    (attacks, complaints)
}

impl Attack {
    fn block(&mut self, fence: &str, body: String) -> Result<(), String> {
        let mut words = fence.split_whitespace();
        let target = match words.next() {
            Some("toml") => {
                self.policy = body;
                return Ok(());
            }
            Some("py") if fence == "py before" => {
                words.next();
                &mut self.before
            }
            Some("py") => &mut self.source,
            _ => return Err(format!("a block of kind `{fence}`")),
        };
        if !target.is_empty() {
            return Err("a second block of the kind".to_owned());
        }
        *target = body;
        for word in words {
            let version = |text: &str| {
                text.split_once('.').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)))
            };
            match word.split_once('=') {
                None if word == "unsealed" => self.unsealed = true,
                None if word == "silent" => self.silent = true,
                Some(("min", text)) if version(text).is_some() => self.versions[0] = version(text),
                Some(("max", text)) if version(text).is_some() => self.versions[1] = version(text),
                Some(("needs", names)) => self.needs.extend(names.split(',').map(str::to_owned)),
                _ => return Err(format!("the fence word `{word}`")),
            }
        }
        Ok(())
    }

    fn prose(&mut self, line: &str) {
        if let Some(reason) = line.strip_prefix("Known: ") {
            self.status = Status::Known(reason.to_owned());
        } else if let Some(reason) = line.strip_prefix("Refused: ") {
            self.status = Status::Refused(reason.to_owned());
        } else if !line.trim().is_empty() {
            self.lead.push_str(line);
            self.lead.push('\n');
        }
    }

    fn shape(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        let word = |w: &str| {
            !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        };
        if !self.name.split('-').all(word) {
            complaints.push(format!("`{}` is not kebab case", self.name));
        }
        if self.lead.is_empty() {
            complaints.push("no sentence on what it does".to_owned());
        }
        if self.source.trim().is_empty() {
            complaints.push("no `py` block".to_owned());
        }
        if let Err(error) = self.options("/scratch") {
            complaints.push(format!("its policy: {error}"));
        }
        complaints
    }

    /// The policy as the guard's native module takes it; `{scratch}` is the attack's folder.
    pub(crate) fn options(&self, scratch: &str) -> Result<Value, String> {
        let text = self.policy.replace("{scratch}", scratch);
        options(&text)
    }

    /// Whether a version of Python has what it is about.
    pub(crate) fn applies_to(&self, version: (u32, u32)) -> bool {
        self.versions[0].is_none_or(|min| version >= min)
            && self.versions[1].is_none_or(|max| version <= max)
    }
}

/// The text of a `hermetic.toml` as the options of `hermetic._native.open_scope`.
pub(crate) fn options(text: &str) -> Result<Value, String> {
    let config = Config::from_hermetic_toml(text).map_err(|e| e.to_string())?;
    // Taken apart in full, so that a new flag cannot be forgotten here.
    let PolicyOptions {
        profile,
        no_network,
        allow_localhost,
        allow_domain,
        no_subprocess,
        allow_run,
        fs_readonly,
        fs_root,
        allow_write,
        no_environment,
        no_code_exec,
        no_interpreter_mutation,
        block_native,
        allow_native,
        deny_import,
    } = config.policy;
    Ok(json!({
        "profile": profile,
        "no_network": no_network,
        "allow_localhost": allow_localhost,
        "allow_domain": allow_domain,
        "no_subprocess": no_subprocess,
        "allow_run": allow_run,
        "fs_readonly": fs_readonly,
        "fs_root": fs_root,
        "allow_write": allow_write,
        "no_environment": no_environment,
        "no_code_exec": no_code_exec,
        "no_interpreter_mutation": no_interpreter_mutation,
        "block_native": block_native,
        "allow_native": allow_native,
        "deny_import": deny_import,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_taken_apart() {
        let text = "# Family\n\n```toml\nno-network = true\n```\n\n## one\n\nDoes it.\n\n```py before\na\n```\n\n\
                    ```py min=3.10 max=3.12 needs=x silent unsealed\nprove()\n```\n\n## two-2\n\nToo.\n\n\
                    Known: a reason.\n\n```toml\nfs-readonly = \"{scratch}\"\n```\n\n```py\nprove()\n```\n";
        let (attacks, complaints) = parse("family.md", text);
        assert_eq!(complaints, [] as [String; 0]);
        let [one, two] = attacks.as_slice() else { panic!("two attacks") };
        assert_eq!((one.before.as_str(), one.source.as_str()), ("a\n", "prove()\n"));
        assert_eq!(one.options("/s").unwrap()["no_network"], true);
        assert!(one.silent && one.unsealed && one.needs == ["x"] && one.status == Status::Blocked);
        let applies = [(3, 9), (3, 10), (3, 12), (3, 13)].map(|version| one.applies_to(version));
        assert_eq!(applies, [false, true, true, false]);
        assert_eq!(two.status, Status::Known("a reason.".to_owned()));
        let options = two.options("/s").unwrap();
        assert_eq!((&options["no_network"], &options["fs_root"]), (&json!(false), &json!("/s")));
    }

    #[test]
    fn an_attack_out_of_shape_is_told() {
        let good = "## a\n\nLead.\n\n```py\nprove()\n```\n";
        assert_eq!(parse("p.md", good).1, [] as [String; 0]);
        for bad in [
            good.replace("## a", "## A"),
            good.replace("Lead.", ""),
            good.replace("```py", "```py fast"),
            good.replace("```py", "```toml\nno-netwrok = true\n```\n\n```py"),
            good.replace("prove()", ""),
            format!("```py\nprove()\n```\n{good}"),
        ] {
            assert!(!parse("p.md", &bad).1.is_empty(), "{bad}");
        }
    }
}
