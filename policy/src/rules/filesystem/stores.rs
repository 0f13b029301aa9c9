//! What keeps its data in files: archives, temporary files, databases, logs, secrets, and two
//! places that are files in all but name, the Windows registry and shared memory.

use crate::act::Verb;
use crate::capability::Capability;
use crate::rule::Condition::{Given, Missing, NotText};
use crate::rule::Trigger::{Audit, Call, Slot};
use crate::rule::{Level, Reported, Rule, api, arg, keyword};

/// An archive is unpacked into a folder.
pub static ARCHIVE_EXTRACT: Rule = Rule {
    name: "archive-extract",
    capability: Capability::Filesystem,
    level: Level::Error,
    since: "0.1.0",
    summary: "an archive is unpacked into a directory",
    verb: Verb::WriteFile,
    reported: Reported::ByPolicy,
    page: include_str!("../../../rules/archive-extract.md"),
    triggers: &[
        Call(api("zipfile.ZipFile.extract").path(arg(1, "path"))),
        Call(api("zipfile.ZipFile.extractall").path(arg(0, "path"))),
        Call(api("tarfile.TarFile.extract").path(arg(1, "path"))),
        Call(api("tarfile.TarFile.extractall").path(arg(0, "path"))),
        Call(api("shutil.unpack_archive").path(arg(1, "extract_dir")).patch_point()),
        Call(api("py7zr.SevenZipFile.extract").path(arg(0, "path"))),
        Call(api("py7zr.SevenZipFile.extractall").path(arg(0, "path"))),
        Call(api("rarfile.RarFile.extract").path(arg(1, "path"))),
        Call(api("rarfile.RarFile.extractall").path(arg(0, "path"))),
        Audit("shutil.unpack_archive"),
    ],
};

/// A temporary file or folder is made.
pub static TEMPORARY_FILE: Rule = Rule {
    name: "temporary-file",
    capability: Capability::Filesystem,
    level: Level::Error,
    since: "0.1.0",
    summary: "a temporary file or directory is made",
    verb: Verb::WriteFile,
    reported: Reported::ByPolicy,
    page: include_str!("../../../rules/temporary-file.md"),
    triggers: &[
        Call(api("tempfile.NamedTemporaryFile").path(arg(6, "dir"))),
        Call(api("tempfile.TemporaryFile").path(arg(6, "dir"))),
        Call(api("tempfile.SpooledTemporaryFile").path(arg(7, "dir"))),
        Call(api("tempfile.TemporaryDirectory").path(arg(2, "dir"))),
        Call(api("tempfile.mkstemp").path(arg(2, "dir"))),
        Call(api("tempfile.mkdtemp").path(arg(2, "dir"))),
        // The first question for the place tries it by writing a file (CPython,
        // `Lib/tempfile.py`, `_get_default_tempdir`).
        Call(api("tempfile.mktemp").when(Missing(arg(2, "dir")))),
        Call(api("tempfile.gettempdir")),
        Call(api("tempfile.gettempdirb")),
        Call(api("aiofiles.tempfile.NamedTemporaryFile").path(arg(6, "dir"))),
        Call(api("aiofiles.tempfile.TemporaryFile").path(arg(6, "dir"))),
        Call(api("aiofiles.tempfile.SpooledTemporaryFile").path(arg(7, "dir"))),
        Call(api("aiofiles.tempfile.TemporaryDirectory").path(arg(2, "dir"))),
        Audit("tempfile.mkstemp"),
        Audit("tempfile.mkdtemp"),
    ],
};

/// A database file is opened in a way that may create or write it.
pub static DATABASE_FILE: Rule = Rule {
    name: "database-file",
    capability: Capability::Filesystem,
    level: Level::Error,
    since: "0.1.0",
    summary: "a database file is opened for writing",
    verb: Verb::WriteFile,
    reported: Reported::ByPolicy,
    page: include_str!("../../../rules/database-file.md"),
    triggers: &[
        Call(
            api("sqlite3.connect")
                .path(arg(0, "database"))
                .when(NotText(arg(0, "database"), SQLITE_MEMORY)),
        ),
        Call(
            api("sqlite3.Connection")
                .path(arg(0, "database"))
                .when(NotText(arg(0, "database"), SQLITE_MEMORY)),
        ),
        Call(
            api("aiosqlite.connect")
                .path(arg(0, "database"))
                .when(NotText(arg(0, "database"), SQLITE_MEMORY)),
        ),
        // The flag is missing: `r` for these, so that only another one writes.
        Call(api("dbm.open").path(arg(0, "file")).when(NotText(arg(1, "flag"), READ))),
        Call(api("dbm.gnu.open").path(arg(0, "")).when(NotText(arg(1, ""), READ))),
        Call(api("dbm.ndbm.open").path(arg(0, "")).when(NotText(arg(1, ""), READ))),
        Call(api("dbm.sqlite3.open").path(arg(0, "filename")).when(NotText(arg(1, "flag"), READ))),
        // The flag is missing: `c` for these.
        Call(api("dbm.dumb.open").path(arg(0, "file")).when(Missing(arg(1, "flag")))),
        Call(api("dbm.dumb.open").path(arg(0, "file")).when(NotText(arg(1, "flag"), READ))),
        Call(api("shelve.open").path(arg(0, "filename")).when(Missing(arg(1, "flag")))),
        Call(api("shelve.open").path(arg(0, "filename")).when(NotText(arg(1, "flag"), READ))),
        Call(api("shelve.DbfilenameShelf").path(arg(0, "filename")).when(Missing(arg(1, "flag")))),
        Call(
            api("shelve.DbfilenameShelf")
                .path(arg(0, "filename"))
                .when(NotText(arg(1, "flag"), READ)),
        ),
        Audit("sqlite3.connect"),
        // No event (CPython, `Modules/_gdbmmodule.c` and `Modules/_dbmmodule.c`).
        Slot("_gdbm.open"),
        Slot("_dbm.open"),
    ],
};

/// Names of `SQLite` databases that live in memory.
const SQLITE_MEMORY: &[&str] = &[":memory:", "file::memory:", "file::memory:?cache=shared"];

/// Flags of `dbm` that only read.
const READ: &[&str] = &["r"];

/// Log records go to a file.
pub static LOG_FILE: Rule = Rule {
    name: "log-file",
    capability: Capability::Filesystem,
    level: Level::Error,
    since: "0.1.0",
    summary: "a log file is opened",
    verb: Verb::WriteFile,
    reported: Reported::ByPolicy,
    page: include_str!("../../../rules/log-file.md"),
    // Run time: the handler's own `open`, or `os.open`, is `file-write`.
    triggers: &[
        Call(api("logging.FileHandler").path(arg(0, "filename"))),
        Call(api("logging.handlers.RotatingFileHandler").path(arg(0, "filename"))),
        Call(api("logging.handlers.TimedRotatingFileHandler").path(arg(0, "filename"))),
        Call(api("logging.handlers.WatchedFileHandler").path(arg(0, "filename"))),
        Call(api("logging.basicConfig").path(keyword("filename")).when(Given(keyword("filename")))),
    ],
};

/// A store of passwords or cookies is read or changed.
pub static CREDENTIAL_STORE: Rule = Rule {
    name: "credential-store",
    capability: Capability::Filesystem,
    level: Level::Error,
    since: "0.1.0",
    summary: "a store of passwords, tokens or cookies is read or changed",
    verb: Verb::ReadFile,
    reported: Reported::ByPolicy,
    page: include_str!("../../../rules/credential-store.md"),
    triggers: &[
        Call(api("netrc.netrc").path(arg(0, "file"))),
        Call(api("keyring.get_password")),
        Call(api("keyring.get_credential")),
        Call(api("keyring.set_password").act(Verb::WriteFile)),
        Call(api("keyring.delete_password").act(Verb::WriteFile)),
        Call(api("browser_cookie3.load")),
        Call(api("browser_cookie3.chrome").path(arg(0, "cookie_file"))),
        Call(api("browser_cookie3.chromium").path(arg(0, "cookie_file"))),
        Call(api("browser_cookie3.edge").path(arg(0, "cookie_file"))),
        Call(api("browser_cookie3.firefox").path(arg(0, "cookie_file"))),
        Call(api("browser_cookie3.safari").path(arg(0, "cookie_file"))),
    ],
};

/// The Windows registry is changed.
pub static REGISTRY_WRITE: Rule = Rule {
    name: "registry-write",
    capability: Capability::Filesystem,
    level: Level::Error,
    since: "0.1.0",
    summary: "a key or value of the Windows registry is made, changed or removed",
    verb: Verb::WriteFile,
    reported: Reported::ByPolicy,
    page: include_str!("../../../rules/registry-write.md"),
    triggers: &[
        Call(api("winreg.CreateKey")),
        Call(api("winreg.CreateKeyEx")),
        Call(api("winreg.DeleteKey")),
        Call(api("winreg.DeleteKeyEx")),
        Call(api("winreg.DeleteValue")),
        Call(api("winreg.SetValue")),
        Call(api("winreg.SetValueEx")),
        Call(api("winreg.LoadKey").path(arg(2, ""))),
        Call(api("winreg.SaveKey").path(arg(1, ""))),
        Call(api("winreg.DisableReflectionKey")),
        Call(api("winreg.EnableReflectionKey")),
        Audit("winreg.CreateKey"),
        Audit("winreg.DeleteKey"),
        Audit("winreg.DeleteValue"),
        Audit("winreg.SetValue"),
        Audit("winreg.LoadKey"),
        Audit("winreg.SaveKey"),
        Audit("winreg.DisableReflectionKey"),
        Audit("winreg.EnableReflectionKey"),
    ],
};

/// Memory that other processes can open by its name.
pub static SHARED_MEMORY: Rule = Rule {
    name: "shared-memory",
    capability: Capability::Filesystem,
    level: Level::Error,
    since: "0.1.0",
    summary: "a named block of shared memory is made, opened or removed",
    verb: Verb::WriteFile,
    reported: Reported::ByPolicy,
    page: include_str!("../../../rules/shared-memory.md"),
    triggers: &[
        Call(api("multiprocessing.shared_memory.SharedMemory")),
        Call(api("multiprocessing.shared_memory.SharedMemory.unlink")),
        Call(api("multiprocessing.shared_memory.ShareableList")),
        Call(api("multiprocessing.heap.Arena")),
        Call(api("_posixshmem.shm_open")),
        Call(api("_posixshmem.shm_unlink")),
        // No event (measured).
        Slot("_posixshmem.shm_open"),
        Slot("_posixshmem.shm_unlink"),
    ],
};
