//! Module patterns: the entries of `--deny-import` and `--allow-native`.

use alloc::borrow::ToOwned as _;
use alloc::string::String;

/// A dotted module name that covers itself and everything below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModulePattern(String);

/// Why a text is no [`ModulePattern`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModulePatternError {
    /// Not dotted names.
    #[error("`{0}` is no dotted module name")]
    Name(String),
    /// A name and `.*`.
    #[error("`{0}` needs no `*`; a module covers everything below it")]
    Wildcard(String),
}

impl ModulePattern {
    /// Read one entry; surrounding white space is dropped.
    pub fn parse(text: &str) -> Result<Self, ModulePatternError> {
        let name = text.trim();
        if name.contains('*') {
            return Err(ModulePatternError::Wildcard(name.to_owned()));
        }
        let is_part =
            |part: &str| !part.is_empty() && part.chars().all(|c| c == '_' || c.is_alphanumeric());
        if name.split('.').all(is_part) {
            Ok(Self(name.to_owned()))
        } else {
            Err(ModulePatternError::Name(name.to_owned()))
        }
    }

    /// Whether the module is covered.
    pub fn matches(&self, module: &str) -> bool {
        module
            .strip_prefix(self.0.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::ModulePattern;

    #[test]
    fn whole_dotted_prefixes() {
        let pattern = ModulePattern::parse(" urllib.request ").unwrap();
        assert!(pattern.matches("urllib.request"));
        assert!(pattern.matches("urllib.request.x"));
        assert!(!pattern.matches("urllib.requests"));
        assert!(!pattern.matches("urllib"));
    }

    #[test]
    fn only_names() {
        for text in ["", ".", "a.", ".a", "a..b", "my-package", "a b", "a.*", "a/b"] {
            assert!(ModulePattern::parse(text).is_err(), "{text:?}");
        }
    }
}
