//! Where an environment keeps what is installed. It is read from the environment's own layout; an
//! interpreter that belongs to none is run and asked.

use std::env;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use hermetic_check::configuration::Failure;

/// What an interpreter is given to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest answer of one.
const LONGEST: u64 = 64 << 10;

/// Without `site`, the user's folders and the working directory, so that nothing installed runs.
const QUESTION: &str = "import json, site; print(json.dumps(site.getsitepackages()))";

/// The `site-packages` folders of the environment that was asked for, or else of the active one,
/// or else of the one beside the project. `None` where there is none of the last two.
pub(crate) fn find(
    python: Option<&Path>,
    projects: &[PathBuf],
) -> Result<Option<Vec<PathBuf>>, Failure> {
    if let Some(python) = python {
        return of_path(python)
            .map(Some)
            .map_err(|why| Failure::new(format_args!("--python={}: {why}", python.display())));
    }
    for name in ["VIRTUAL_ENV", "CONDA_PREFIX"] {
        if let Some(prefix) = env::var_os(name).filter(|prefix| !prefix.is_empty()) {
            let prefix = PathBuf::from(prefix);
            return of_path(&prefix).map(Some).map_err(|why| {
                Failure::new(format_args!(
                    "{name}={}: {why}; name another environment with --python",
                    prefix.display()
                ))
            });
        }
    }
    for project in projects {
        let folder = project.parent().filter(|_| !project.is_dir()).unwrap_or(project);
        for folder in [folder, Path::new("")] {
            let beside = folder.join(".venv");
            if beside.join("pyvenv.cfg").is_file() {
                return of_path(&beside)
                    .map(Some)
                    .map_err(|why| Failure::at(beside.display(), why));
            }
        }
    }
    Ok(None)
}

/// What to say where there is none.
pub(crate) fn missing() -> Failure {
    Failure::new(
        "--with-dependencies: no environment is active, and there is no .venv beside the project; \
         name an interpreter or the folder of an environment with --python",
    )
}

fn of_path(path: &Path) -> Result<Vec<PathBuf>, String> {
    let metadata = fs::metadata(path).map_err(|error| error.to_string().to_lowercase())?;
    if metadata.is_dir() {
        return of_folder(path);
    }
    // `env/bin/python` is most often a link out of the environment: what counts is where it lies.
    let folder = path.parent().unwrap_or(Path::new(""));
    let above = folder.parent().filter(|_| folder.file_name().is_some());
    let absolute = std::path::absolute(folder).ok();
    let above = above.map(Path::to_owned).or_else(|| absolute?.parent().map(Path::to_owned));
    for prefix in above.iter().map(PathBuf::as_path).chain([folder]) {
        if prefix.join("pyvenv.cfg").is_file() || prefix.join("conda-meta").is_dir() {
            return of_folder(prefix);
        }
    }
    ask(path)
}

/// The folders of an environment, or the folder itself where packages are right in it.
fn of_folder(prefix: &Path) -> Result<Vec<PathBuf>, String> {
    let named = |name: &str| prefix.file_name().is_some_and(|own| own == name);
    let holds = || {
        let mut entries = fs::read_dir(prefix).into_iter().flatten().flatten();
        entries.any(|entry| entry.file_name().to_string_lossy().ends_with(".dist-info"))
    };
    if named("site-packages") || named("dist-packages") || holds() {
        return Ok(vec![prefix.to_owned()]);
    }
    let mut found = laid_out(prefix, &["site-packages"]);
    let pythons: Vec<&PathBuf> =
        found.iter().filter(|it| it.starts_with(prefix.join("lib"))).collect();
    if pythons.len() > 1 {
        return Err("more than one Python has packages there; name its interpreter".to_owned());
    }
    if found.is_empty() {
        return Err("no environment: there is no site-packages folder in it".to_owned());
    }
    let configuration = fs::read_to_string(prefix.join("pyvenv.cfg")).unwrap_or_default();
    let value = |key: &str| {
        let mut lines = configuration.lines().filter_map(|line| line.split_once('='));
        lines.find(|(name, _)| name.trim() == key).map(|(_, value)| value.trim().to_owned())
    };
    if value("include-system-site-packages").is_some_and(|it| it.eq_ignore_ascii_case("true"))
        && let Some(base) = value("home").map(PathBuf::from)
        && let Some(base) = base.parent()
    {
        let version = found.iter().find_map(|it| it.parent()?.file_name().map(ToOwned::to_owned));
        let of_version = |folder: &PathBuf| {
            let own = folder.parent().and_then(Path::file_name);
            own.is_some_and(|own| {
                own == "python3" || Some(own) == version.as_deref() || own == "Lib"
            })
        };
        for prefix in [base.to_owned(), base.join("local")] {
            let all = laid_out(&prefix, &["site-packages", "dist-packages"]);
            found.extend(all.into_iter().filter(of_version));
        }
    }
    Ok(found)
}

/// `lib/python3.12/site-packages`, `Lib/site-packages` and the like (CPython
/// `Lib/sysconfig/__init__.py`), each real folder once.
fn laid_out(prefix: &Path, names: &[&str]) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    let mut add = |folder: PathBuf| {
        let real = folder.canonicalize().ok();
        if folder.is_dir() && !found.iter().any(|known| known.canonicalize().ok() == real) {
            found.push(folder);
        }
    };
    for lib in ["lib", "lib64"] {
        let entries = fs::read_dir(prefix.join(lib)).into_iter().flatten().flatten();
        let mut versions: Vec<PathBuf> = entries
            .filter(|entry| {
                let name = entry.file_name();
                let name = name.to_string_lossy();
                name.starts_with("python3") || name.starts_with("pypy3")
            })
            .map(|entry| prefix.join(lib).join(entry.file_name()))
            .collect();
        versions.sort();
        for version in versions {
            for name in names {
                add(version.join(name));
            }
        }
    }
    for name in names {
        add(prefix.join("Lib").join(name));
    }
    found
}

/// Ask an interpreter.
fn ask(python: &Path) -> Result<Vec<PathBuf>, String> {
    // A name without a folder would be looked up in PATH.
    let program = std::path::absolute(python).map_err(|error| error.to_string().to_lowercase())?;
    let mut child = Command::new(program)
        .args(["-I", "-S", "-c", QUESTION])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("cannot be run: {}", error.to_string().to_lowercase()))?;
    let ended = wait(&mut child);
    if !ended.is_some_and(|success| success) {
        let _ = child.kill();
        let _ = child.wait();
        return Err(match ended {
            None => format!("no answer within {} seconds", PATIENCE.as_secs()),
            Some(_) => "no Python interpreter: it ended with an error".to_owned(),
        });
    }
    let mut answer = Vec::new();
    if let Some(out) = child.stdout.take() {
        let _ = out.take(LONGEST).read_to_end(&mut answer);
    }
    let folders: Vec<PathBuf> = serde_json::from_slice(&answer)
        .map_err(|_| "no Python interpreter: its answer is not known".to_owned())?;
    let folders: Vec<_> = folders.into_iter().filter(|folder| folder.is_dir()).collect();
    if folders.is_empty() {
        return Err("it has no site-packages folder".to_owned());
    }
    Ok(folders)
}

/// Whether it succeeded; `None` where it does not end.
fn wait(child: &mut Child) -> Option<bool> {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status.success()),
            Ok(None) => thread::sleep(Duration::from_millis(5)),
            Err(_) => return Some(false),
        }
    }
    None
}
