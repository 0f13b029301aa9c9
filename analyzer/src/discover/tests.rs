use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::source::{Reason, SIZE_LIMIT};

/// A folder of files; a name that ends with `/` is a folder, `# python` content a script.
struct Tree(TempDir);

impl Tree {
    fn new(files: &[&str]) -> Self {
        let tree = Self(tempfile::tempdir().expect("a scratch folder"));
        for name in files {
            tree.write(name, "");
        }
        tree
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path(name);
        if name.ends_with('/') {
            fs::create_dir_all(path).expect("created");
        } else {
            fs::create_dir_all(path.parent().expect("has one")).expect("created");
            fs::write(path, content).expect("written");
        }
        self
    }

    #[cfg(unix)]
    fn link(&self, name: &str, target: impl AsRef<Path>) -> &Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("has one")).expect("created");
        std::os::unix::fs::symlink(target, path).expect("linked");
        self
    }

    fn options(&self, roots: &[&str]) -> DiscoverOptions {
        DiscoverOptions {
            roots: roots.iter().map(|name| self.path(name)).collect(),
            ignore_files: true,
            ..DiscoverOptions::default()
        }
    }

    /// Patterns written for a folder of the tree.
    fn patterns(&self, base: &str, globs: &[&str]) -> Vec<Pattern> {
        let base = self.path(base);
        globs.iter().map(|glob| Pattern { base: base.clone(), glob: (*glob).to_owned() }).collect()
    }

    fn walk(&self) -> Found {
        self.discover(&self.options(&[""]))
    }

    fn discover(&self, options: &DiscoverOptions) -> Found {
        let found = discover(options).expect("the roots are there");
        let show = |path: &Path| display(path, Some(self.0.path()));
        let list = |paths: &[PathBuf]| paths.iter().map(|path| show(path)).collect();
        Found {
            files: found.files.iter().map(|file| show(&file.path)).collect(),
            kinds: found.files.iter().map(|file| file.kind).collect(),
            unanalysed: found
                .unanalysed
                .iter()
                .map(|(path, why)| (show(path), why.reason))
                .collect(),
            ignored: list(&found.ignored),
            excluded: list(&found.excluded),
            stubs: list(&found.stubs),
        }
    }
}

#[derive(Debug, PartialEq)]
struct Found {
    files: Vec<String>,
    kinds: Vec<FileKind>,
    unanalysed: Vec<(String, Reason)>,
    ignored: Vec<String>,
    excluded: Vec<String>,
    stubs: Vec<String>,
}

fn told(found: &Found) -> Vec<(&str, Reason)> {
    found.unanalysed.iter().map(|(path, reason)| (path.as_str(), *reason)).collect()
}

#[test]
fn python_is_found_by_name_and_by_shebang() {
    let tree = Tree::new(&["b.py", "a.pyw", ".hidden/c.ipynb", "d.pth", "e.txt", "f", "g.pyi"]);
    tree.write("sitecustomize.py", "").write("bin/run", "#!/usr/bin/env python3\n");
    tree.write("bin/pip3.11", "#!/usr/bin/python3\n").write("bin/sh", "#!/bin/sh\n");
    tree.write("bin/app", "#!/usr/bin/env python3\nPK\x03\x04");
    let found = tree.walk();
    let files =
        [".hidden/c.ipynb", "a.pyw", "b.py", "bin/pip3.11", "bin/run", "d.pth", "sitecustomize.py"];
    assert_eq!(found.files, files);
    let kinds = [
        FileKind::Notebook,
        FileKind::Module,
        FileKind::Module,
        FileKind::Script,
        FileKind::Script,
        FileKind::StartupLines,
        FileKind::StartupModule,
    ];
    assert_eq!(found.kinds, kinds);
    assert_eq!(found.stubs, ["g.pyi"]);
    assert_eq!(told(&found), [("bin/app", Reason::ZipApplication)]);
}

#[test]
fn what_is_packed_or_compiled_is_told() {
    let tree = Tree::new(&[
        "app.pyz",
        "old.egg",
        "dir.egg/m.py",
        "x.pyx",
        "n.abi3.so",
        "n.cpython-311-x86_64.so",
        "n.pyd",
        "libz.so.1",
        "a.py",
        "a.pyc",
        "b.pyc",
        "c.pyo",
        "__pycache__/a.cpython-311.pyc",
        "__pycache__/gone.cpython-311.opt-1.pyc",
    ]);
    let found = tree.walk();
    assert_eq!(found.files, ["a.py", "dir.egg/m.py"]);
    assert_eq!(
        told(&found),
        [
            ("__pycache__/gone.cpython-311.opt-1.pyc", Reason::StaleBytecode),
            ("app.pyz", Reason::ZipApplication),
            ("b.pyc", Reason::Bytecode),
            ("c.pyo", Reason::Bytecode),
            ("n.abi3.so", Reason::ExtensionModule),
            ("n.cpython-311-x86_64.so", Reason::ExtensionModule),
            ("n.pyd", Reason::ExtensionModule),
            ("old.egg", Reason::Egg),
            ("x.pyx", Reason::Cython),
        ]
    );
}

#[test]
fn a_named_file_is_python_unless_its_suffix_says_otherwise() {
    let tree = Tree::new(&["a.txt", "b", "c.ipynb", "d.so", "e.pyi", "f.pyc", "f.py", "other.txt"]);
    let found = tree.discover(&tree.options(&["a.txt", "b", "c.ipynb", "d.so", "e.pyi", "f.pyc"]));
    assert_eq!(found.files, ["a.txt", "b", "c.ipynb"]);
    assert_eq!(found.kinds, [FileKind::Module, FileKind::Module, FileKind::Notebook]);
    assert_eq!(told(&found), [("d.so", Reason::ExtensionModule), ("f.pyc", Reason::Bytecode)]);
    assert_eq!(found.stubs, ["e.pyi"]);
}

#[test]
fn a_root_that_is_not_there_is_an_error() {
    let tree = Tree::new(&["a.py"]);
    let error = discover(&tree.options(&["a.py", "nonesuch"])).expect_err("is refused");
    assert!(matches!(error, DiscoverError::Root { path, .. } if path.ends_with("nonesuch")));
    let mut options = tree.options(&["a.py"]);
    options.extend_exclude = tree.patterns("", &["a["]);
    let error = discover(&options).expect_err("is refused");
    assert!(matches!(&error, DiscoverError::Pattern { pattern, .. } if pattern == "a["));
    assert!(error.to_string().starts_with("`a[` is no pattern for exclude: "), "{error}");
}

#[test]
fn each_file_is_found_once_whatever_the_roots() {
    let tree = Tree::new(&["a/b/c.py", "a/d.py", "a/e.so"]);
    let found = tree.discover(&tree.options(&["a", "a/b", "a/b/c.py", "", "a/../a", "a/e.so"]));
    assert_eq!(found.files.len(), 2, "{found:?}");
    assert_eq!(found.unanalysed.len(), 1, "{found:?}");
    let turned = tree.discover(&tree.options(&["a/e.so", "a/b/c.py", "", "a/b", "a"]));
    assert_eq!(turned.files, ["a/b/c.py", "a/d.py"]);
}

#[test]
fn default_excludes_bind_below_a_root_only() {
    let tree = Tree::new(&[
        ".venv/lib/p.py",
        ".venv/lib/venv/q.py",
        "node_modules/r.py",
        "a.py",
        "src/.git/hooks/h.py",
        "dist/d.txt",
    ]);
    let found = tree.walk();
    assert_eq!(found.files, ["a.py"]);
    assert_eq!(found.excluded, [".venv", "dist", "node_modules"]);
    let found = tree.discover(&tree.options(&[".venv/lib", "node_modules/r.py"]));
    assert_eq!(found.files, [".venv/lib/p.py", "node_modules/r.py"]);
    assert_eq!(found.excluded, [".venv/lib/venv"]);
    let mut options = tree.options(&[""]);
    options.list_excluded = true;
    let files = [".venv/lib/p.py", ".venv/lib/venv/q.py", "node_modules/r.py"];
    assert_eq!(tree.discover(&options).excluded, files);
    // What one root excludes, another may name.
    let found = tree.discover(&tree.options(&["", "node_modules"]));
    assert_eq!(found.files, ["a.py", "node_modules/r.py"]);
    assert_eq!(found.excluded, [".venv", "dist"]);
}

#[test]
fn configured_excludes_bind_roots_too() {
    let tree =
        Tree::new(&["a.py", "gen/b.py", "gen/keep/c.py", "src/gen/d.py", "venv/e.py", "t_pb2.py"]);
    let mut options = tree.options(&["", "a.py", "gen/b.py", "gen/keep"]);
    options.exclude = Some(tree.patterns("", &["/gen", "*_pb2.py"]));
    options.extend_exclude = tree.patterns("", &["./a.py"]);
    let found = tree.discover(&options);
    assert_eq!(found.files, ["src/gen/d.py", "venv/e.py"]);
    assert_eq!(found.excluded, ["a.py", "gen", "gen/b.py", "gen/keep", "t_pb2.py"]);
    options.exclude = None;
    options.extend_exclude = tree.patterns("", &["gen/"]);
    assert_eq!(tree.discover(&options).files, ["a.py", "t_pb2.py"]);
    // Outside the base a pattern matches names alone.
    options.extend_exclude = tree.patterns("venv", &["gen/", "/a.py"]);
    assert_eq!(tree.discover(&options).files, ["a.py", "gen/b.py", "gen/keep/c.py", "t_pb2.py"]);
}

#[test]
fn each_pattern_counts_from_its_own_folder() {
    let tree = Tree::new(&["a.py", "gen/a.py", "sub/a.py", "sub/gen/a.py", "sub/gen/b.py"]);
    let mut options = tree.options(&[""]);
    options.exclude = Some(tree.patterns("", &["/gen", "sub/gen/b.py"]));
    options.extend_exclude = tree.patterns("sub", &["/a.py"]);
    let left = ["a.py", "sub/gen/a.py"];
    assert_eq!(tree.discover(&options).files, left);
    // Whichever folder the walk begins in.
    options.roots = ["sub", "a.py", "sub/a.py", "sub/gen"].map(|root| tree.path(root)).to_vec();
    assert_eq!(tree.discover(&options).files, left);
    // The last that says anything counts.
    options.extend_exclude.extend(tree.patterns("", &["!/gen"]));
    options.extend_exclude.extend(tree.patterns("sub", &["!/a.py", "/gen/a.py"]));
    options.roots = vec![tree.path("")];
    let files = ["a.py", "gen/a.py", "sub/a.py"];
    assert_eq!(tree.discover(&options).files, files);
    options.roots = ["gen", "sub/a.py", "sub/gen/a.py", "a.py"].map(|it| tree.path(it)).to_vec();
    assert_eq!(tree.discover(&options).files, files);
    // What is in an excluded folder cannot be had back.
    options.exclude = Some(tree.patterns("", &["sub"]));
    options.extend_exclude = tree.patterns("sub", &["!/a.py"]);
    options.roots = vec![tree.path("sub/a.py"), tree.path("a.py")];
    assert_eq!(tree.discover(&options).files, ["a.py"]);
}

#[test]
fn ignored_files_are_counted_and_named_ones_are_not_ignored() {
    let tree = Tree::new(&[
        "a.py",
        "b.py",
        "out/c.py",
        "out/d.txt",
        "out/deep/e.py",
        "sub/f.py",
        "sub/g.py",
        "g.py",
        "sub/out/k.py",
        "x.pyc",
    ]);
    tree.write(".git/info/exclude", "g.py\n").write(".gitignore", "/b.py\nout/\n# c\n*.pyc\n");
    tree.write("sub/.gitignore", "!g.py\nf.py\n");
    let found = tree.walk();
    assert_eq!(found.files, ["a.py", "sub/g.py"]);
    assert_eq!(
        found.ignored,
        ["b.py", "g.py", "out/c.py", "out/deep/e.py", "sub/f.py", "sub/out/k.py"]
    );
    assert_eq!(found.unanalysed, []);
    let found = tree.discover(&tree.options(&["", "b.py", "out"]));
    assert_eq!(found.files, ["a.py", "b.py", "out/c.py", "out/deep/e.py", "sub/g.py"]);
    assert_eq!(found.ignored, ["g.py", "sub/f.py", "sub/out/k.py"]);
    // Ignore files above the root count.
    let found = tree.discover(&tree.options(&["sub"]));
    assert_eq!((found.files.len(), found.ignored.len()), (1, 2), "{found:?}");
    let mut options = tree.options(&[""]);
    options.ignore_files = false;
    let found = tree.discover(&options);
    assert_eq!((found.files.len(), found.ignored.len()), (8, 0), "{found:?}");
}

#[test]
fn files_of_git_count_in_a_repository_only() {
    let tree = Tree::new(&["a.py", "b.py", "repo/c.py", "repo/.git/"]);
    tree.write(".gitignore", "a.py\nc.py\n").write(".ignore", "b.py\n");
    let found = tree.walk();
    assert_eq!(found.files, ["a.py", "repo/c.py"]);
    assert_eq!(found.ignored, ["b.py"]);
    tree.write(".git/", "");
    let found = tree.walk();
    assert_eq!(found.files, ["repo/c.py"], "a repository's top stops the files above it");
    assert_eq!(found.ignored, ["a.py", "b.py"]);
}

#[test]
fn reading_is_bounded_and_takes_regular_files_only() {
    let tree = Tree::new(&["folder/"]);
    tree.write("a.py", "x = 1\n");
    assert_eq!(read(&tree.path("a.py")).expect("readable"), b"x = 1\n");
    let reason = |name: &str| read(&tree.path(name)).expect_err("is refused").reason;
    assert_eq!(reason("nonesuch"), Reason::Unreadable);
    assert_eq!(reason("folder"), Reason::NotAFile);
    let large = fs::File::create(tree.path("large.py")).expect("created");
    large.set_len(SIZE_LIMIT).expect("sparse");
    assert!(read(&tree.path("large.py")).is_ok());
    large.set_len(SIZE_LIMIT + 1).expect("sparse");
    assert_eq!(reason("large.py"), Reason::TooLarge);
    large.set_len(1 << 42).expect("sparse");
    assert_eq!(reason("large.py"), Reason::TooLarge);
    assert_eq!(read_stream(b"x".as_slice()).expect("short"), b"x");
    let refused = read_stream(io::repeat(b' ')).expect_err("is refused");
    assert_eq!(refused.reason, Reason::TooLarge);
}

#[cfg(unix)]
mod unix {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixListener;
    use std::process::Command;

    use super::*;

    #[test]
    fn what_is_no_file_is_told_and_never_opened() {
        let tree = Tree::new(&["a.py"]);
        let fifo = |name: &str| {
            let made = Command::new("mkfifo").arg(tree.path(name)).status().expect("mkfifo runs");
            assert!(made.success());
        };
        fifo("b.py");
        fifo("c");
        fifo(".gitignore");
        fifo(".ignore");
        tree.write(".git/", "").link("d.py", "c");
        let _socket = UnixListener::bind(tree.path("e.pth")).expect("bound");
        let found = tree.walk();
        assert_eq!(found.files, ["a.py"]);
        let not_a_file = ["b.py", "d.py", "e.pth"].map(|name| (name, Reason::NotAFile));
        assert_eq!(told(&found), not_a_file);
        let found = tree.discover(&tree.options(&["c"]));
        assert_eq!(told(&found), [("c", Reason::NotAFile)]);
        assert_eq!(read(&tree.path("c")).expect_err("is refused").detail, "a FIFO");
        assert_eq!(read(Path::new("/dev/null")).expect_err("is refused").detail, "a device");
    }

    #[test]
    fn links_within_the_roots_are_followed_once() {
        let tree = Tree::new(&["src/a.py", "src/.venv/p/b.py", "src/data.txt", "lib/c.py"]);
        tree.link("src/again.py", "a.py")
            .link("src/linked", ".venv/p")
            .link("src/text.py", "data.txt");
        tree.link("src/lib", "../lib").link("src/linked2", ".venv/p").link("src/venv", "../lib");
        let found = tree.walk();
        assert_eq!(found.files, ["lib/c.py", "src/a.py", "src/linked/b.py", "src/text.py"]);
        assert_eq!(found.unanalysed, []);
        let found = tree.discover(&tree.options(&["src"]));
        assert_eq!(found.files, ["src/a.py", "src/linked/b.py", "src/text.py"]);
        assert_eq!(told(&found), [("src/lib", Reason::LinkOutside)]);
        assert_eq!(found.excluded, ["src/.venv", "src/venv"]);
    }

    #[test]
    fn loops_end() {
        let tree = Tree::new(&["a/b/c.py"]);
        tree.link("a/b/up", "../..").link("a/self", ".").link("x", "y").link("y", "x");
        tree.link("a/b/d.py", "d.py");
        let found = tree.walk();
        assert_eq!(found.files, ["a/b/c.py"]);
        let broken = ["a/b/d.py", "x", "y"].map(|name| (name, Reason::BrokenLink));
        assert_eq!(told(&found), broken);
    }

    #[test]
    fn links_to_nothing_and_to_the_outside_are_told() {
        let tree = Tree::new(&["in/a.py", "out/b.py", "out/text.txt", "out/tool"]);
        tree.write("out/script", "#!/usr/bin/python\n");
        tree.link("in/gone.py", "nonesuch")
            .link("in/gone", "nonesuch")
            .link("in/.#lock.py", "me@host");
        tree.link("in/b.py", "../out/b.py")
            .link("in/out", "../out")
            .link("in/text", "../out/text.txt");
        tree.link("in/tool", "../out/tool").link("in/script", "../out/script");
        let found = tree.discover(&tree.options(&["in"]));
        assert_eq!(found.files, ["in/a.py"]);
        assert_eq!(
            told(&found),
            [
                ("in/.#lock.py", Reason::BrokenLink),
                ("in/b.py", Reason::LinkOutside),
                ("in/gone.py", Reason::BrokenLink),
                ("in/out", Reason::LinkOutside),
                ("in/script", Reason::LinkOutside),
            ]
        );
    }

    #[test]
    fn a_root_may_be_a_link() {
        let tree = Tree::new(&["real/a.py", "tool.py"]);
        tree.link("root", "real").link("tool", "tool.py");
        let found = tree.discover(&tree.options(&["root", "tool"]));
        assert_eq!(found.files, ["root/a.py", "tool"]);
    }

    #[test]
    fn names_that_are_no_utf8_work() {
        let tree = Tree::new(&[]);
        let name = OsStr::from_bytes(b"caf\xe9.py");
        fs::write(tree.0.path().join(name), "x").expect("written");
        let options = tree.options(&[""]);
        assert_eq!(tree.discover(&options).files, ["caf\\xe9.py"]);
        let found = discover(&options).expect("the root is there");
        assert_eq!(read(&found.files[0].path).expect("readable"), b"x");
    }

    #[test]
    #[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
    fn what_may_not_be_read_is_told() {
        let tree = Tree::new(&["a.py", "closed/b.py", "script"]);
        for name in ["closed", "script"] {
            fs::set_permissions(tree.path(name), fs::Permissions::from_mode(0o000)).expect("owned");
        }
        let found = tree.walk();
        let readable = fs::read_dir(tree.path("closed")).is_ok();
        fs::set_permissions(tree.path("closed"), fs::Permissions::from_mode(0o700)).expect("owned");
        if readable {
            eprintln!("SKIPPED: this user may read everything");
            return;
        }
        assert_eq!(found.files, ["a.py"]);
        let unreadable = ["closed", "script"].map(|name| (name, Reason::Unreadable));
        assert_eq!(told(&found), unreadable);
    }

    #[test]
    fn a_path_too_long_to_list_is_told() {
        let tree = Tree::new(&["a.py"]);
        let link = "l".repeat(200);
        // The name alone is fine, what it leads to is no path the system takes.
        tree.link(&format!("{link}.py"), "x/".repeat(2000));
        let found = tree.walk();
        assert_eq!(found.files, ["a.py"]);
        assert_eq!(found.unanalysed.len(), 1, "{found:?}");
    }

    #[test]
    fn deep_folders_do_not_end_the_walk() {
        let tree = Tree::new(&["a.py"]);
        let mut path = tree.0.path().to_owned();
        for _ in 0..1500 {
            path.push("d");
        }
        fs::create_dir_all(&path).expect("created");
        fs::write(path.join("b.py"), "").expect("written");
        assert_eq!(tree.walk().files.len(), 2);
    }
}
