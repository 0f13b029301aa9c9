//! What is installed or published as one: its name and version, as its metadata says (the core
//! metadata specification of packaging.python.org).

use std::path::Path;

/// A distribution.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Distribution {
    /// As its metadata spells it.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// Characters of a name or version that are shown.
const LONGEST: usize = 128;

impl Distribution {
    /// What a `METADATA` or `PKG-INFO` says: fields as in an e-mail's head.
    pub fn read(text: &str) -> Option<Self> {
        let head = text.lines().take_while(|line| !line.trim().is_empty());
        let (mut name, mut version) = (None, None);
        for line in head {
            let Some((field, value)) = line.split_once(':') else { continue };
            match field.to_ascii_lowercase().as_str() {
                "name" => name = name.or(Some(value.trim())),
                "version" => version = version.or(Some(value.trim())),
                _ => {}
            }
        }
        let own = |text: &str| text.chars().take(LONGEST).collect::<String>();
        let name = name.filter(|name| !name.is_empty())?;
        Some(Self { name: own(name), version: own(version.unwrap_or_default()) })
    }

    /// The name as names are compared (PEP 503): `Foo.Bar_baz` is `foo-bar-baz`.
    pub fn normal_name(&self) -> String {
        normal_name(&self.name)
    }
}

/// A name as names are compared (PEP 503).
pub fn normal_name(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for char in name.chars() {
        let char = if matches!(char, '-' | '_' | '.') { '-' } else { char.to_ascii_lowercase() };
        if char != '-' || !normal.ends_with('-') {
            normal.push(char);
        }
    }
    normal
}

/// What the name of an archive or of a folder of metadata says.
pub(super) fn of_archive(path: &Path) -> Option<Distribution> {
    let name = path.file_name()?.to_str()?;
    let (name, version) = if let Some(wheel) = name.strip_suffix(".whl") {
        let mut parts = wheel.split('-');
        (parts.next()?, parts.next()?)
    } else {
        let suffixes = [".tar.gz", ".tgz", ".zip", ".dist-info", ".egg-info"];
        let stem = suffixes.iter().find_map(|suffix| name.strip_suffix(suffix))?;
        // `foo-1.0-py3.12.egg-info`
        let stem = stem.split("-py").next().filter(|it| it.contains('-')).unwrap_or(stem);
        stem.rsplit_once('-')?
    };
    Some(Distribution { name: name.to_owned(), version: version.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_versions_are_read() {
        let read =
            Distribution::read("Metadata-Version: 2.1\nName: Foo.Bar\nVersion: 1.0\n\nName: x");
        let read = read.expect("a name");
        assert_eq!((&*read.name, &*read.version), ("Foo.Bar", "1.0"));
        assert_eq!(read.normal_name(), "foo-bar");
        assert_eq!(Distribution::read("Version: 1.0\n\nName: x"), None);
        for (path, name, version) in [
            ("d/foo_bar-1.0-py3-none-any.whl", "foo_bar", "1.0"),
            ("foo-bar-1.0.tar.gz", "foo-bar", "1.0"),
            ("foo-1.0.dist-info", "foo", "1.0"),
            ("foo-1.0-py3.12.egg-info", "foo", "1.0"),
        ] {
            let of = of_archive(Path::new(path)).expect(path);
            assert_eq!((&*of.name, &*of.version), (name, version), "{path}");
        }
        assert_eq!(of_archive(Path::new("foo.whl")), None);
    }
}
