//! Finds the installed server binaries.

use super::error::EmbeddedError;
use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Older versions lack what the feed relies on, such as binary pgoutput.
const VERSION_MIN: u32 = 14;
/// Names a directory of binaries to use, whatever else is installed.
const BIN_VARIABLE: &str = "TEAMGRAPH_PG_BIN";
/// Where Debian and its descendants put each version's binaries, outside PATH.
const DEBIAN_ROOT: &str = "/usr/lib/postgresql";

/// A directory that holds `initdb` and `postgres`.
#[derive(Clone, Debug)]
pub(super) struct Binaries {
    directory: PathBuf,
}

impl Binaries {
    /// The newest installed binaries, or those that can read the data in `directory` if there is
    /// any. `TEAMGRAPH_PG_BIN`, if it is set, is the only choice.
    pub(super) fn find(directory: Option<&Path>) -> Result<Self, EmbeddedError> {
        let candidates = match env::var_os(BIN_VARIABLE) {
            Some(chosen) => BTreeSet::from([PathBuf::from(chosen)]),
            None => installed(),
        };
        let needed = directory.and_then(|path| Some((path, version_of_data(path)?)));
        let newest = candidates
            .iter()
            .filter_map(|directory| Some((version(directory)?, directory)))
            .filter(|(version, _)| match needed {
                Some((_, needed)) => *version == needed,
                None => *version >= VERSION_MIN,
            })
            .max();
        match (newest, needed) {
            (Some((_, directory)), _) => Ok(Binaries { directory: directory.clone() }),
            (None, None) => Err(EmbeddedError::NoBinaries {
                minimum: VERSION_MIN,
                looked_in: looked_in(&candidates),
            }),
            (None, Some((path, version))) => Err(EmbeddedError::OtherVersion {
                path: path.to_owned(),
                version,
                looked_in: looked_in(&candidates),
            }),
        }
    }

    /// The full path of one program.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

fn looked_in(candidates: &BTreeSet<PathBuf>) -> String {
    let shown: Vec<String> = candidates.iter().map(|path| path.display().to_string()).collect();
    if shown.is_empty() { format!("{DEBIAN_ROOT}, pg_config and PATH") } else { shown.join(", ") }
}

/// Every directory that may hold server binaries.
fn installed() -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    if let Ok(versions) = Path::new(DEBIAN_ROOT).read_dir() {
        found.extend(versions.flatten().map(|version| version.path().join("bin")));
    }
    if let Ok(printed) = Command::new("pg_config").arg("--bindir").output() {
        found.insert(PathBuf::from(String::from_utf8_lossy(&printed.stdout).trim()));
    }
    found.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    found.retain(|directory| directory.join("initdb").is_file());
    found
}

/// The major version of the server in `directory`; none if there is no server that answers.
fn version(directory: &Path) -> Option<u32> {
    if !directory.join("initdb").is_file() {
        return None;
    }
    let printed = Command::new(directory.join("postgres")).arg("--version").output().ok()?;
    parse_version(&String::from_utf8_lossy(&printed.stdout))
}

/// The major version that the data in a server's directory was written by.
fn version_of_data(directory: &Path) -> Option<u32> {
    fs::read_to_string(directory.join("data/PG_VERSION")).ok()?.trim().parse().ok()
}

/// Reads `postgres (PostgreSQL) 15.18 (Debian ...)`, `... 18beta1`.
fn parse_version(printed: &str) -> Option<u32> {
    let (_, number) = printed.split_once(") ")?;
    let major: String = number.chars().take_while(char::is_ascii_digit).collect();
    major.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn major_version_is_read_from_what_postgres_prints() {
        for (printed, major) in [
            ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", Some(15)),
            ("postgres (PostgreSQL) 9.6.24", Some(9)),
            ("postgres (PostgreSQL) 18beta1", Some(18)),
            ("something else", None),
            ("", None),
        ] {
            assert_eq!(parse_version(printed), major, "{printed}");
        }
    }

    #[test]
    fn data_is_served_by_its_own_version_only() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("data")).unwrap();
        fs::write(directory.path().join("data/PG_VERSION"), "9\n").unwrap();
        let error = Binaries::find(Some(directory.path())).unwrap_err().to_string();
        assert!(error.contains("is of PostgreSQL 9, and no server of that version"), "{error}");
        fs::remove_file(directory.path().join("data/PG_VERSION")).unwrap();
        Binaries::find(Some(directory.path())).unwrap();
    }

    #[test]
    fn a_directory_without_binaries_has_no_version() {
        assert_eq!(version(Path::new("/nonexistent")), None);
    }
}
