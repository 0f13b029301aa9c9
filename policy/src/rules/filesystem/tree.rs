//! Making, removing, moving, copying, linking, re-labelling and listing entries of folders.

use crate::act::Verb;
use crate::capability::Capability;
use crate::rule::Trigger::{Audit, Call, Slot};
use crate::rule::{Level, Reported, Rule, api, arg};

/// A folder, pipe, device or empty file is made.
pub static FILE_CREATE: Rule = Rule {
    name: "file-create",
    capability: Capability::Filesystem,
    level: Level::Error,
    since: "0.1.0",
    summary: "a directory, pipe, device node or empty file is made",
    verb: Verb::WriteFile,
    reported: Reported::ByPolicy,
    page: include_str!("../../../rules/file-create.md"),
    triggers: &[
        Call(api("os.mkdir").path(arg(0, "path")).patch_point()),
        Call(api("os.makedirs").path(arg(0, "name")).patch_point()),
        Call(api("os.mkfifo").path(arg(0, "path")).patch_point()),
        Call(api("os.mknod").path(arg(0, "path")).patch_point()),
        Call(api("pathlib.Path.mkdir").receiver_path()),
        Call(api("pathlib.Path.touch").receiver_path()),
        Call(api("distutils.dir_util.mkpath").path(arg(0, "name"))),
        Call(api("aiofiles.os.mkdir").path(arg(0, "path"))),
        Call(api("aiofiles.os.makedirs").path(arg(0, "name"))),
        Audit("os.mkdir"),
        // No event (measured).
        Slot("posix.mkfifo"),
        Slot("posix.mknod"),
    ],
};

/// A file or folder is removed.
pub static FILE_REMOVE: Rule = Rule {
    name: "file-remove",
    capability: Capability::Filesystem,
    level: Level::Error,
    since: "0.1.0",
    summary: "a file or directory is removed",
    verb: Verb::WriteFile,
    reported: Reported::ByPolicy,
    page: include_str!("../../../rules/file-remove.md"),
    triggers: &[
        Call(api("os.remove").path(arg(0, "path")).patch_point()),
        Call(api("os.unlink").path(arg(0, "path")).patch_point()),
        Call(api("os.rmdir").path(arg(0, "path")).patch_point()),
        Call(api("os.removedirs").path(arg(0, "name")).patch_point()),
        Call(api("shutil.rmtree").path(arg(0, "path")).patch_point()),
        Call(api("pathlib.Path.unlink").receiver_path()),
        Call(api("pathlib.Path.rmdir").receiver_path()),
        Call(api("distutils.dir_util.remove_tree").path(arg(0, "directory"))),
        Call(api("send2trash.send2trash").path(arg(0, "paths"))),
        Call(api("aiofiles.os.remove").path(arg(0, "path"))),
        Call(api("aiofiles.os.unlink").path(arg(0, "path"))),
        Call(api("aiofiles.os.rmdir").path(arg(0, "path"))),
        Call(api("aiofiles.os.removedirs").path(arg(0, "name"))),
        Audit("os.remove"),
        Audit("os.rmdir"),
        Audit("shutil.rmtree"),
    ],
};

/// A file or folder gets another name or place.
pub static FILE_MOVE: Rule = Rule {
    name: "file-move",
    capability: Capability::Filesystem,
    level: Level::Error,
    since: "0.1.0",
    summary: "a file or directory is renamed or moved",
    verb: Verb::WriteFile,
    reported: Reported::ByPolicy,
    page: include_str!("../../../rules/file-move.md"),
    // Both ends are written, so that either is as good an operand; the old name says which file.
    triggers: &[
        Call(api("os.rename").path(arg(0, "src")).patch_point()),
        Call(api("os.renames").path(arg(0, "old")).patch_point()),
        Call(api("os.replace").path(arg(0, "src")).patch_point()),
        Call(api("shutil.move").path(arg(0, "src")).patch_point()),
        Call(api("pathlib.Path.rename").receiver_path()),
        Call(api("pathlib.Path.replace").receiver_path()),
        Call(api("pathlib.Path.move").receiver_path()),
        Call(api("pathlib.Path.move_into").receiver_path()),
        Call(api("distutils.file_util.move_file").path(arg(0, "src"))),
        Call(api("aiofiles.os.rename").path(arg(0, "src"))),
        Call(api("aiofiles.os.renames").path(arg(0, "old"))),
        Call(api("aiofiles.os.replace").path(arg(0, "src"))),
        Audit("os.rename"),
        Audit("shutil.move"),
    ],
};

/// A file or folder is copied; what is read is `file-read`.
pub static FILE_COPY: Rule = Rule {
    name: "file-copy",
    capability: Capability::Filesystem,
    level: Level::Error,
    since: "0.1.0",
    summary: "a file or directory is copied to another place",
    verb: Verb::WriteFile,
    reported: Reported::ByPolicy,
    page: include_str!("../../../rules/file-copy.md"),
    triggers: &[
        Call(api("shutil.copy").path(arg(1, "dst")).patch_point()),
        Call(api("shutil.copy2").path(arg(1, "dst")).patch_point()),
        Call(api("shutil.copyfile").path(arg(1, "dst")).patch_point()),
        Call(api("shutil.copytree").path(arg(1, "dst")).patch_point()),
        Call(api("pathlib.Path.copy").path(arg(0, "target"))),
        Call(api("pathlib.Path.copy_into").path(arg(0, "target_dir"))),
        Call(api("distutils.file_util.copy_file").path(arg(1, "dst"))),
        Call(api("distutils.dir_util.copy_tree").path(arg(1, "dst"))),
        Audit("shutil.copyfile"),
        Audit("shutil.copytree"),
    ],
};

/// A link is made.
pub static FILE_LINK: Rule = Rule {
    name: "file-link",
    capability: Capability::Filesystem,
    level: Level::Error,
    since: "0.1.0",
    summary: "a symbolic or hard link is made",
    verb: Verb::WriteFile,
    reported: Reported::ByPolicy,
    page: include_str!("../../../rules/file-link.md"),
    triggers: &[
        Call(api("os.link").path(arg(1, "dst")).patch_point()),
        Call(api("os.symlink").path(arg(1, "dst")).patch_point()),
        Call(api("pathlib.Path.symlink_to").receiver_path()),
        Call(api("pathlib.Path.hardlink_to").receiver_path()),
        // The one whose argument is the new name (removed in 3.12).
        Call(api("pathlib.Path.link_to").path(arg(0, "target"))),
        Call(api("aiofiles.os.link").path(arg(1, "dst"))),
        Call(api("aiofiles.os.symlink").path(arg(1, "dst"))),
        Call(api("_winapi.CreateJunction").path(arg(1, ""))),
        Audit("os.link"),
        Audit("os.symlink"),
        Audit("_winapi.CreateJunction"),
    ],
};

/// Mode, owner, times or attributes of a file change.
pub static FILE_PERMISSION: Rule = Rule {
    name: "file-permission",
    capability: Capability::Filesystem,
    level: Level::Error,
    since: "0.1.0",
    summary: "the mode, owner, times or attributes of a file change",
    verb: Verb::WriteFile,
    reported: Reported::ByPolicy,
    page: include_str!("../../../rules/file-permission.md"),
    triggers: &[
        Call(api("os.chmod").path(arg(0, "path")).patch_point()),
        Call(api("os.lchmod").path(arg(0, "path")).patch_point()),
        // A descriptor opened for reading is enough for these two.
        Call(api("os.fchmod").patch_point()),
        Call(api("os.fchown").patch_point()),
        Call(api("os.chown").path(arg(0, "path")).patch_point()),
        Call(api("os.lchown").path(arg(0, "path")).patch_point()),
        Call(api("os.chflags").path(arg(0, "path")).patch_point()),
        Call(api("os.lchflags").path(arg(0, "path")).patch_point()),
        Call(api("os.utime").path(arg(0, "path")).patch_point()),
        Call(api("os.setxattr").path(arg(0, "path")).patch_point()),
        Call(api("os.removexattr").path(arg(0, "path")).patch_point()),
        Call(api("shutil.chown").path(arg(0, "path")).patch_point()),
        Call(api("shutil.copymode").path(arg(1, "dst")).patch_point()),
        Call(api("shutil.copystat").path(arg(1, "dst")).patch_point()),
        Call(api("pathlib.Path.chmod").receiver_path()),
        Call(api("pathlib.Path.lchmod").receiver_path()),
        Audit("os.chmod"),
        Audit("os.chown"),
        Audit("os.chflags"),
        Audit("os.utime"),
        Audit("os.setxattr"),
        Audit("os.removexattr"),
        Audit("shutil.chown"),
        Audit("shutil.copymode"),
        Audit("shutil.copystat"),
    ],
};

/// The entries of a folder are listed.
pub static DIRECTORY_LIST: Rule = Rule {
    name: "directory-list",
    capability: Capability::Filesystem,
    level: Level::Error,
    since: "0.1.0",
    summary: "a directory outside the read root is listed",
    verb: Verb::ListDirectory,
    reported: Reported::ByPolicy,
    page: include_str!("../../../rules/directory-list.md"),
    triggers: &[
        Call(api("os.listdir").path(arg(0, "path"))),
        Call(api("os.scandir").path(arg(0, "path"))),
        Call(api("os.walk").path(arg(0, "top"))),
        Call(api("os.fwalk").path(arg(0, "top"))),
        Call(api("os.listdrives").fixed("/")),
        Call(api("os.listvolumes").fixed("/")),
        Call(api("os.listmounts").path(arg(0, "volume"))),
        // A pattern lies where its literal beginning lies: the wildcards never match `..`.
        Call(api("glob.glob").path(arg(0, "pathname"))),
        Call(api("glob.iglob").path(arg(0, "pathname"))),
        Call(api("pathlib.Path.iterdir").receiver_path()),
        Call(api("pathlib.Path.glob").receiver_path()),
        Call(api("pathlib.Path.rglob").receiver_path()),
        Call(api("pathlib.Path.walk").receiver_path()),
        Call(api("filecmp.dircmp").path(arg(0, "a"))),
        Call(api("filecmp.dircmp").path(arg(1, "b"))),
        Call(api("importlib.resources.contents")),
        Call(api("aiofiles.os.listdir").path(arg(0, "path"))),
        Call(api("aiofiles.os.scandir").path(arg(0, "path"))),
        Audit("os.listdir"),
        Audit("os.scandir"),
        Audit("os.walk"),
        Audit("os.fwalk"),
        Audit("os.listdrives"),
        Audit("os.listvolumes"),
        Audit("os.listmounts"),
        Audit("glob.glob"),
        Audit("glob.glob/2"),
        Audit("pathlib.Path.glob"),
        Audit("pathlib.Path.rglob"),
    ],
};
