//! Which folder a file's project is.

use std::path::{Path, PathBuf};

/// What lies in the top folder of a project.
const MARKS: [&str; 7] =
    ["pyproject.toml", "hermetic.toml", "setup.py", "setup.cfg", ".git", ".hg", ".svn"];

/// The nearest folder around a file's top-level package that is marked as a project's; where none
/// is, the folder that holds that package. `file` is absolute.
pub fn project_root(file: &Path) -> PathBuf {
    let mut top = file.parent().unwrap_or(file);
    while top.join("__init__.py").exists()
        && let Some(around) = top.parent()
    {
        top = around;
    }
    let marked = |folder: &&Path| MARKS.iter().any(|mark| folder.join(mark).exists());
    top.ancestors().find(marked).unwrap_or(top).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_nearest_mark_outside_of_the_package() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |path: &str| folder.path().join(path);
        fs::create_dir_all(at("src/pkg/sub")).expect("made");
        for file in ["src/pkg/__init__.py", "src/pkg/sub/__init__.py", "src/pkg/setup.py"] {
            fs::write(at(file), "").expect("written");
        }
        assert_eq!(project_root(&at("src/pkg/sub/mod.py")), at("src"));
        fs::write(at("pyproject.toml"), "").expect("written");
        assert_eq!(project_root(&at("src/pkg/sub/mod.py")), folder.path());
        assert_eq!(project_root(&at("script.py")), folder.path());
    }
}
