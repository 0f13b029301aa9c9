//! Module patterns.
use alloc::string::String;

/// A dotted module name that covers itself and everything below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModulePattern(String);

impl ModulePattern {
    /// Whether the module is covered.
    pub fn matches(&self, module: &str) -> bool {
        module
            .strip_prefix(self.0.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}
