//! Which modules are the project's own.

use std::path::Path;

use rustc_hash::FxHashSet;

use crate::discover::File;

/// The top-level modules among the files: what `import` finds of the project itself.
pub(crate) fn first_party(files: &[File]) -> FxHashSet<String> {
    let packages: FxHashSet<&Path> = files
        .iter()
        .filter(|file| file.path.file_stem().is_some_and(|stem| stem == "__init__"))
        .filter_map(|file| file.path.parent())
        .collect();
    let top = |file: &File| {
        let mut top = file.path.as_path();
        while let Some(folder) = top.parent().filter(|folder| packages.contains(folder)) {
            top = folder;
        }
        // A folder without `__init__.py` is a namespace package (PEP 420).
        let folder = file.path.parent().and_then(Path::file_name);
        let names = [top.file_stem(), folder];
        names
            .into_iter()
            .flatten()
            .map(|name| name.to_string_lossy().into_owned())
            .collect::<Vec<_>>()
    };
    files.iter().flat_map(top).collect()
}
