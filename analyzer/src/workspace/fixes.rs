//! What can be done about findings of an open document, as edits of its text.

use std::path::Path;

use super::{Name, Snapshot};
use crate::diagnostic::{Diagnostic, Span};
use crate::discover;
use crate::fix::{Around, Fixer, Safety, Wanted};
use crate::judge::Judgement;
use crate::project::file::tree;
use crate::project::fixes::{Program, with_fixer_of};
use crate::rewrite::{self, is_editable};
use crate::source::Source;
use crate::summary::Range;
use crate::suppress::{self, Kind, Reason, directives};

/// Text that takes the place of other text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Where.
    pub span: Span,
    /// What is put there.
    pub text: String,
}

/// How a captured reference is rewritten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentFix {
    /// The finding's place.
    pub span: Span,
    /// The edits, or why there are none.
    pub edits: Result<Vec<Edit>, String>,
    /// Whether somebody should look at it.
    pub safety: Safety,
}

impl Snapshot {
    /// The fixes of a document's captured references; to be run on [`super::Workers`].
    pub fn fixes(&self, name: &Name) -> Vec<DocumentFix> {
        self.with_fixer(name, |source, fixer, around| {
            let proposals = fixer.proposals(around).into_iter().map(|proposal| {
                let span = source.span(proposal.range.start..proposal.range.end);
                match proposal.fix {
                    Ok(fix) => DocumentFix {
                        span,
                        edits: Ok(edits(source, fix.edits)),
                        safety: fix.safety,
                    },
                    Err(why) => DocumentFix { span, edits: Err(why), safety: Safety::Safe },
                }
            });
            proposals.collect()
        })
        .unwrap_or_default()
    }

    /// All safe fixes of a document at once, or all there are; to be run on [`super::Workers`].
    pub fn fix_all(&self, name: &Name, unsafe_too: bool) -> Vec<Edit> {
        let wanted = |finding: &Diagnostic| finding.fix != crate::diagnostic::FixState::None;
        let Some(findings) = self.check(name) else { return Vec::new() };
        let told: Vec<u32> = findings
            .report
            .diagnostics
            .iter()
            .filter(|finding| wanted(finding))
            .map(|finding| finding.span.offset)
            .collect();
        if told.is_empty() {
            return Vec::new();
        }
        self.with_fixer(name, |source, fixer, around| {
            let ranges: Vec<Range> = fixer
                .proposals(around)
                .into_iter()
                .filter(|proposal| told.contains(&proposal.range.start))
                .filter(|proposal| {
                    let fix = proposal.fix.as_ref();
                    fix.is_ok_and(|fix| unsafe_too || fix.safety == Safety::Safe)
                })
                .map(|proposal| proposal.range)
                .collect();
            if ranges.is_empty() { Vec::new() } else { edits(source, fixer.together(&ranges)) }
        })
        .unwrap_or_default()
    }

    /// Comments that accept findings on their own lines.
    pub fn ignore(&self, name: &Name, findings: &[&Diagnostic], reason: &Reason) -> Vec<Edit> {
        let Some(document) = self.documents.get(name) else { return Vec::new() };
        let Some(source) = &document.first().source else { return Vec::new() };
        let Ok(parsed) = tree(source) else { return Vec::new() };
        edits(source, suppress::insertions(source, &parsed, findings, reason))
    }

    /// A comment that accepts a rule in the whole document.
    pub fn ignore_in_file(&self, name: &Name, rule: &str, reason: &Reason) -> Option<Edit> {
        let document = self.documents.get(name)?;
        let source = document.first().source.as_ref()?;
        if !is_editable(source.kind()) {
            return None;
        }
        let text = source.text();
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            let is_head =
                line.starts_with("#!") || (line.starts_with('#') && line.contains("coding"));
            if let Some(known) = directives(line.trim_end(), narrow(at)).into_iter().next()
                && known.kind == Kind::File
                && line.starts_with('#')
            {
                let end = known.names.last().map_or(known.close, |name| name.range.end);
                return Some(edit(source, rewrite::Edit::insert(end, format!(", {rule}"))));
            }
            if !is_head {
                break;
            }
            at += line.len();
        }
        let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let head = text.get(..at).filter(|head| !head.is_empty() && !head.ends_with('\n'));
        let before = if head.is_some() { end } else { "" };
        let reason = reason.as_str();
        let gap = if reason.is_empty() { "" } else { " " };
        let comment = format!("{before}# hermetic: ignore-file[{rule}]{gap}{reason}{end}");
        Some(edit(source, rewrite::Edit::insert(narrow(at), comment)))
    }

    fn with_fixer<T>(
        &self,
        name: &Name,
        run: impl FnOnce(&Source, &Fixer<'_>, Around<'_>) -> T,
    ) -> Option<T> {
        let document = self.documents.get(name)?;
        let source = document.first().source.as_ref()?;
        let judgement: &Judgement = &document.settings.judgement;
        with_fixer_of(judgement, source, |source, fixer| {
            let mut wanted = Wanted::default();
            fixer.want(&mut wanted);
            let Some((path, root)) = name.path().and_then(|path| Some((path, self.root_of(path)?)))
            else {
                return run(source, fixer, Around::Unknown("it is no file of a program"));
            };
            let program = self.searched(&wanted, root);
            match program {
                Some(program) => program.around(path, |around| run(source, fixer, around)),
                None => run(source, fixer, Around::Unknown("its program cannot be searched")),
            }
        })
    }

    /// The program below a folder, searched for names.
    fn searched(&self, wanted: &Wanted, root: &super::Root) -> Option<Program> {
        let read = |path: &Path| {
            // Of a notebook the document's text is its file's, too.
            let open = self.documents.get(&Name::File(path.to_owned()));
            match open {
                Some(document) => Some(document.text.as_bytes().to_vec()),
                None => discover::read(path).ok(),
            }
        };
        Program::search_in(&root.options(), &root.folder, wanted, &read).ok()
    }
}

fn edits(source: &Source, edits: Vec<rewrite::Edit>) -> Vec<Edit> {
    edits.into_iter().map(|one| edit(source, one)).collect()
}

fn edit(source: &Source, edit: rewrite::Edit) -> Edit {
    Edit { span: source.span(edit.range.start..edit.range.end), text: edit.text }
}

fn narrow(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
