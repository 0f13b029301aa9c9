//! Notebook commands that start programs: `!cmd`, `%pip`, `%run`, `%%bash`.

use hermetic_policy::rule::Construct;
use hermetic_policy::rules::subprocess_library::STARTING_MAGICS;

use crate::summary::{FoundOperand, Range};
use crate::syntax::{TextRange, ast::IpyEscapeKind};

use super::engine::{Engine, bytes};

impl Engine<'_> {
    /// A line in IPython's own syntax.
    pub(super) fn notebook_command(&mut self, kind: IpyEscapeKind, value: &str, range: TextRange) {
        let (name, program) = match kind {
            IpyEscapeKind::Shell | IpyEscapeKind::ShCap => ("!", value.split_whitespace().next()),
            IpyEscapeKind::Magic => {
                let name = value.split_whitespace().next().unwrap_or_default();
                if !STARTING_MAGICS.contains(&name) {
                    return;
                }
                (name, Some(name))
            }
            IpyEscapeKind::Magic2 => {
                let name = value.split_whitespace().next().unwrap_or_default();
                self.cell_magic(name, bytes(range));
                return;
            }
            IpyEscapeKind::Help
            | IpyEscapeKind::Help2
            | IpyEscapeKind::Quote
            | IpyEscapeKind::Quote2
            | IpyEscapeKind::Paren => return,
        };
        let target = if name == "!" { "!".to_owned() } else { format!("%{name}") };
        self.shell_act(&target, program, bytes(range));
    }

    /// A cell handed as a whole to something else.
    pub(super) fn cell_magic(&mut self, name: &str, range: Range) {
        if STARTING_MAGICS.contains(&name) {
            self.shell_act(&format!("%%{name}"), Some(name), range);
        }
    }

    fn shell_act(&mut self, target: &str, program: Option<&str>, range: Range) {
        let Some(rule) = self.names.construct_rule(Construct::NotebookShell) else { return };
        // `!{command}` and `!$command` are put together at run time.
        let known = program.filter(|p| !p.contains(['{', '$']));
        let operand = known.map_or(FoundOperand::Unknown, |p| FoundOperand::Name(p.into()));
        self.act(rule, rule.verb, target, operand, true, false, range);
    }
}
