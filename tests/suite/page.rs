//! The grammar of a rule page: headings, policies, blocks, and marks at the ends of lines.

/// The headings of a page, in their order.
pub(crate) const HEADINGS: [&str; 5] =
    ["What it guards", "Why", "Examples", "What to do instead", "Blind spots"];

/// One page of `policy/rules`, parsed. What is wrong with it is in `complaints`.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// Path from the root of the repository.
    pub path: String,
    /// The rule: the stem of the file's name.
    pub name: String,
    /// The text of the `#` heading.
    pub title: String,
    /// What stands between the title and the first section.
    pub lead: String,
    /// `##` headings and the prose below them, blocks left out.
    pub sections: Vec<(String, String)>,
    /// Its `py` blocks.
    pub blocks: Vec<Block>,
    /// `path:line: what is wrong`.
    pub complaints: Vec<String>,
}

/// One `py` block: a file of its own.
#[derive(Debug, Default)]
pub(crate) struct Block {
    /// The line of the page its first line is.
    pub line: usize,
    /// The code, marks included.
    pub source: String,
    /// The text of the `toml` block before it.
    pub policy: Option<String>,
    /// `static`: never executed.
    pub only_static: bool,
    /// `notebook`: one code cell of a notebook; never executed.
    pub notebook: bool,
    /// `windows`: runs nowhere else.
    pub windows: bool,
    /// `min=3.14`: the oldest Python that runs it.
    pub min: Option<(u32, u32)>,
    /// `needs=requests`: the distributions it imports from (see tests/pages/needs.csv).
    pub needs: Vec<String>,
    /// Its marks, in the order of the lines.
    pub marks: Vec<Mark>,
}

/// A mark and the row of the block it stands on, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub row: u32,
    pub says: Says,
}

/// What a mark says of its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Says {
    /// Both faces: the analyzer reports the first rule, the guard raises with the second.
    Deny { analyzer: String, guard: String },
    /// Only the analyzer reports this rule.
    Static(String),
    /// Only the guard raises with this rule.
    Runtime(String),
    /// The analyzer cannot know; the guard decides.
    Undecided(String),
    /// Both faces are silent; at run time it may raise this exception.
    Allow(Option<String>),
}

impl Says {
    /// The rules it names.
    pub(crate) fn rules(&self) -> Vec<&str> {
        match self {
            Self::Deny { analyzer, guard } => vec![analyzer, guard],
            Self::Static(rule) | Self::Runtime(rule) | Self::Undecided(rule) => vec![rule],
            Self::Allow(_) => vec![],
        }
    }

    /// Seen by one face only, by the nature of the act.
    pub(crate) fn is_one_faced(&self) -> bool {
        matches!(self, Self::Static(_) | Self::Runtime(_))
    }
}

impl Block {
    /// The line of the page a row of the block is.
    pub(crate) fn page_line(&self, row: u32) -> usize {
        self.line + row as usize - 1
    }

    /// The code of a row, without its marks.
    pub(crate) fn code(&self, row: u32) -> &str {
        let line = self.source.lines().nth(row as usize - 1).unwrap_or_default();
        first_mark(line).map_or(line, |at| &line[..at]).trim()
    }
}

impl Page {
    /// The prose of a section.
    pub(crate) fn section(&self, heading: &str) -> Option<&str> {
        self.sections.iter().find(|(h, _)| h == heading).map(|(_, text)| text.as_str())
    }

    /// Parse a page; never fails, complains.
    pub(crate) fn parse(path: &str, text: &str) -> Self {
        let name = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".md");
        let mut page = Self { path: path.to_owned(), name: name.to_owned(), ..Self::default() };
        let mut policy: Option<(usize, String)> = None;
        let mut lines = text.lines().enumerate();
        while let Some((index, line)) = lines.next() {
            let Some(fence) = line.strip_prefix("```") else {
                page.prose(index + 1, line);
                continue;
            };
            let mut body = String::new();
            let closed = lines.by_ref().any(|(_, line)| {
                let end = line == "```";
                if !end {
                    body.push_str(line);
                    body.push('\n');
                }
                end
            });
            if !closed {
                page.complain(index + 1, "the block is not closed");
            }
            let mut words = fence.split_whitespace();
            match words.next().unwrap_or_default() {
                "toml" => {
                    if let Some((line, _)) = policy.replace((index + 1, body)) {
                        page.complain(line, "a toml block with no py block after it");
                    }
                }
                "py" => {
                    let policy = policy.take().map(|(_, text)| text);
                    page.block(index + 2, body, policy, words);
                }
                "text" | "console" | "json" | "ini" => {}
                other => page.complain(index + 1, &format!("a block of kind `{other}`")),
            }
        }
        if let Some((line, _)) = policy {
            page.complain(line, "a toml block with no py block after it");
        }
        page
    }

    fn complain(&mut self, line: usize, what: &str) {
        self.complaints.push(format!("{}:{line}: {what}", self.path));
    }

    fn prose(&mut self, number: usize, line: &str) {
        if let Some(heading) = line.strip_prefix("## ") {
            self.sections.push((heading.trim().to_owned(), String::new()));
        } else if let Some(title) = line.strip_prefix("# ") {
            if !self.title.is_empty() {
                self.complain(number, "a second title");
            }
            title.trim().clone_into(&mut self.title);
        } else {
            let text = self.sections.last_mut().map_or(&mut self.lead, |(_, text)| text);
            text.push_str(line);
            text.push('\n');
        }
    }

    fn block<'a>(
        &mut self,
        line: usize,
        source: String,
        policy: Option<String>,
        words: impl Iterator<Item = &'a str>,
    ) {
        let mut block = Block { line, policy, ..Block::default() };
        for word in words {
            match word.split_once('=') {
                None if word == "static" => block.only_static = true,
                None if word == "notebook" => block.notebook = true,
                None if word == "windows" => block.windows = true,
                Some(("min", version)) => {
                    block.min = version
                        .split_once('.')
                        .and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
                    if block.min.is_none() {
                        self.complain(line - 1, &format!("`{word}` is not a version"));
                    }
                }
                Some(("needs", names)) => {
                    block.needs.extend(names.split(',').map(str::to_owned));
                }
                _ => self.complain(line - 1, &format!("the fence word `{word}`")),
            }
        }
        for (index, text) in source.lines().enumerate() {
            let row = u32::try_from(index + 1).expect("a page is short");
            match marks(text) {
                Ok(says) => block.marks.extend(says.into_iter().map(|says| Mark { row, says })),
                Err(what) => self.complain(line + index, &what),
            }
        }
        if source.trim().is_empty() {
            self.complain(line, "an empty block");
        }
        block.source = source;
        self.blocks.push(block);
    }
}

const KEYWORDS: [&str; 5] = ["deny", "static", "runtime", "undecided", "allow"];
/// Written for one of the above by mistake.
const NEAR: [&str; 6] = ["denied", "denies", "allowed", "allows", "run-time", "statically"];

/// The word a comment begins with, if it is that of a mark or meant as one.
fn keyword(comment: &str) -> Option<&str> {
    let comment = comment.trim_start();
    let word = comment.split([':', ' ']).next().unwrap_or_default();
    let colon = comment[word.len()..].starts_with(':');
    let known = KEYWORDS.contains(&word) && (colon || comment.trim_end() == word);
    let near = (NEAR.contains(&word) || KEYWORDS.contains(&word.to_lowercase().as_str())) && colon;
    (known || near).then_some(word)
}

/// Where the first mark of a line begins.
fn first_mark(line: &str) -> Option<usize> {
    line.match_indices('#').map(|(at, _)| at).find(|at| keyword(&line[at + 1..]).is_some())
}

/// The marks of one line: the last comments on it.
fn marks(line: &str) -> Result<Vec<Says>, String> {
    let Some(start) = first_mark(line) else { return Ok(vec![]) };
    let mut says = Vec::new();
    for chunk in line[start + 1..].split('#') {
        let chunk = chunk.trim();
        let word = keyword(chunk).ok_or_else(|| format!("`{chunk}` after a mark"))?;
        let rest = chunk[word.len()..].strip_prefix(':').map(str::trim);
        let items = || -> Result<Vec<&str>, String> {
            let items: Vec<&str> = rest.unwrap_or_default().split(',').map(str::trim).collect();
            if items.iter().any(|i| i.is_empty()) {
                return Err(format!("`{chunk}` names no rule"));
            }
            Ok(items)
        };
        match word {
            "deny" => says.extend(items()?.into_iter().map(|item| {
                let (analyzer, guard) = item.split_once('/').unwrap_or((item, item));
                Says::Deny { analyzer: analyzer.trim().to_owned(), guard: guard.trim().to_owned() }
            })),
            "static" => says.extend(items()?.into_iter().map(|r| Says::Static(r.to_owned()))),
            "runtime" => says.extend(items()?.into_iter().map(|r| Says::Runtime(r.to_owned()))),
            "undecided" => says.extend(items()?.into_iter().map(|r| Says::Undecided(r.to_owned()))),
            "allow" => says.push(Says::Allow(rest.map(str::to_owned))),
            other => return Err(format!("`{other}` is not a mark")),
        }
    }
    Ok(says)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deny(analyzer: &str, guard: &str) -> Says {
        Says::Deny { analyzer: analyzer.to_owned(), guard: guard.to_owned() }
    }

    #[test]
    fn marks_are_read_from_the_end_of_a_line() {
        assert_eq!(marks("x()").unwrap(), []);
        assert_eq!(marks("x()  # an ordinary note, allow it").unwrap(), []);
        assert_eq!(marks("x('#')  # deny: a").unwrap(), [deny("a", "a")]);
        assert_eq!(marks("x()  # note  # deny: a, b").unwrap(), [deny("a", "a"), deny("b", "b")]);
        assert_eq!(marks("x()  # deny: a / b").unwrap(), [deny("a", "b")]);
        assert_eq!(
            marks("x()  # static: a  # deny: b").unwrap(),
            [Says::Static("a".to_owned()), deny("b", "b")]
        );
        assert_eq!(marks("x()  # allow").unwrap(), [Says::Allow(None)]);
        assert_eq!(marks("x()  # allow: OSError").unwrap(), [Says::Allow(Some("OSError".into()))]);
    }

    #[test]
    fn a_mark_written_wrong_is_told() {
        assert!(marks("x()  # denied: a").is_err());
        assert!(marks("x()  # Deny: a").is_err());
        assert!(marks("x()  # deny:").is_err());
        assert!(marks("x()  # deny: a, # deny: b").is_err());
        assert!(marks("x()  # deny: a  # because").is_err());
    }

    #[test]
    fn a_page_is_taken_apart() {
        let text = "# r\n\nLead.\n\n## Examples\n\n```toml\nno-network = true\n```\n\nProse.\n\n\
                    ```py min=3.12 needs=requests\nx = 1\ny()  # deny: r\n```\n\n```py static\nz\n```\n";
        let page = Page::parse("policy/rules/r.md", text);
        assert_eq!(page.complaints, [] as [String; 0]);
        assert_eq!(
            (page.name.as_str(), page.title.as_str(), page.lead.trim()),
            ("r", "r", "Lead.")
        );
        assert_eq!(page.section("Examples").map(str::trim), Some("Prose."));
        let [first, second] = page.blocks.as_slice() else { panic!("two blocks") };
        assert_eq!(first.policy.as_deref(), Some("no-network = true\n"));
        assert_eq!(
            (first.min, first.needs.as_slice()),
            (Some((3, 12)), &["requests".to_owned()][..])
        );
        assert_eq!(first.marks, [Mark { row: 2, says: deny("r", "r") }]);
        assert_eq!((first.page_line(2), first.code(2)), (15, "y()"));
        assert!(second.only_static && second.policy.is_none());
    }

    #[test]
    fn a_page_out_of_shape_is_told() {
        for text in [
            "```py\nx\n",
            "```py min=new\nx\n```\n",
            "```py fast\nx\n```\n",
            "```python\nx\n```\n",
            "```toml\n```\n",
            "```py\n```\n",
            "# a\n# b\n",
        ] {
            assert_eq!(Page::parse("r.md", text).complaints.len(), 1, "{text}");
        }
    }
}
