//! Programs: the entries of `--allow-run`.

use alloc::borrow::ToOwned as _;
use alloc::string::String;

use super::path;

/// The program behind `os.system` and `shell=True`, by the name it is allowed under.
pub const SHELL: &str = "sh";

/// A program by its name, or by its absolute path.
///
/// A name covers a program that is asked for by that name alone, `["git", "status"]`. Which file it
/// is, the guard finds on the `PATH` that the run began with, and takes no other. A path covers
/// that path; what a link there leads to does not matter, and another link to it is another path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramPattern(String);

/// Why a text is no [`ProgramPattern`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProgramPatternError {
    /// Nothing is written, or text that no system call takes.
    #[error("`{0}` names no program")]
    Name(String),
    /// A path that depends on the working directory.
    #[error("`{0}` is neither a name such as `git` nor an absolute path")]
    Relative(String),
    /// A command line.
    #[error("`{0}` has arguments; a program is allowed with all of them")]
    Arguments(String),
}

impl ProgramPattern {
    /// Read one entry; surrounding white space is dropped.
    pub fn parse(text: &str) -> Result<Self, ProgramPatternError> {
        use ProgramPatternError as Error;
        let name = text.trim();
        if let Some(normal) = path::normalise(name) {
            return Ok(Self(normal.into_owned()));
        }
        if name.is_empty() || matches!(name, "." | "..") || name.contains('\0') {
            return Err(Error::Name(text.to_owned()));
        }
        if name.contains(['/', '\\']) {
            return Err(Error::Relative(name.to_owned()));
        }
        if name.contains(char::is_whitespace) {
            return Err(Error::Arguments(name.to_owned()));
        }
        Ok(Self(name.to_owned()))
    }

    /// Whether a program is covered, as it is asked for.
    pub fn matches(&self, program: &str) -> bool {
        match path::normalise(program) {
            Some(normal) => normal == self.0.as_str(),
            None => program == self.0,
        }
    }

    /// The name or the path in normal form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::ProgramPattern;

    #[test]
    fn a_name_is_that_name_and_a_path_that_path() {
        let git = ProgramPattern::parse(" git ").unwrap();
        let make = ProgramPattern::parse("/usr/./bin/make").unwrap();
        for (program, by_name, by_path) in [
            ("git", true, false),
            ("/usr/bin/git", false, false),
            ("./git", false, false),
            ("git status", false, false),
            ("", false, false),
            ("make", false, false),
            ("/usr/bin/make", false, true),
            ("/usr/bin/../bin/make", false, true),
            ("/tmp/make", false, false),
        ] {
            assert_eq!(
                (git.matches(program), make.matches(program)),
                (by_name, by_path),
                "{program}"
            );
        }
    }

    #[test]
    fn only_programs() {
        for text in ["", " ", ".", "..", "bin/git", "./git", "git status", "a\0b", "C:x/y"] {
            assert!(ProgramPattern::parse(text).is_err(), "{text:?}");
        }
    }
}
