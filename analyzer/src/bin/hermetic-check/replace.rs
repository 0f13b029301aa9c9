//! Writing files so that nobody ever sees half of one.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

/// Put new bytes in place of a file's, in one step: a reader sees the old ones or the new. A link
/// stays a link. `before` is what the file is known to hold; `None` for one that may be new.
///
/// # Errors
/// What the system says; also where the file is read-only or holds something else by now, and
/// then nothing is written.
pub(crate) fn replace(path: &Path, before: Option<&[u8]>, bytes: &[u8]) -> io::Result<()> {
    let real = match path.canonicalize() {
        Ok(real) => real,
        Err(error) if error.kind() == io::ErrorKind::NotFound && before.is_none() => {
            path.to_owned()
        }
        Err(error) => return Err(error),
    };
    let permissions = match fs::metadata(&real) {
        Ok(metadata) if metadata.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        Ok(metadata) if metadata.permissions().readonly() => {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the file is read-only"));
        }
        Ok(metadata) => Some(metadata.permissions()),
        Err(_) => None,
    };
    let folder = real.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // As any new file, less what the umask takes.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.prefix(".hermetic").tempfile_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    if let Some(permissions) = permissions {
        file.as_file().set_permissions(permissions)?;
    }
    if before.is_some_and(|before| fs::read(&real).ok().as_deref() != Some(before)) {
        return Err(io::Error::other("the file was changed meanwhile"));
    }
    file.persist(&real).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_or_not_at_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        replace(&path, None, b"one").expect("a new file");
        replace(&path, Some(b"one"), b"two").expect("as it was");
        let error = replace(&path, Some(b"one"), b"three").expect_err("changed");
        assert_eq!(error.to_string(), "the file was changed meanwhile");
        assert_eq!(fs::read(&path).expect("there"), b"two");
        let mut permissions = fs::metadata(&path).expect("there").permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&path, permissions).expect("mine");
        assert!(replace(&path, None, b"four").is_err());
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing left over");
    }

    #[cfg(unix)]
    #[test]
    fn links_and_permissions_stay() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let folder = tempfile::tempdir().expect("a folder");
        let (path, link) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&path, "one").expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o750)).expect("mine");
        symlink("a", &link).expect("linked");
        replace(&link, None, b"two").expect("replaced");
        assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o750);
        assert_eq!(fs::read(&path).expect("there"), b"two");
    }
}
