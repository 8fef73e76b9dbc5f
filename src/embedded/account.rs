//! Whom the server runs as.
//!
//! PostgreSQL refuses to run as root. Where we are root, it runs as `postgres`, or as `nobody`.
//! `setpriv` changes the user and asks the kernel to signal the server when we die, so that this
//! crate needs no unsafe code for either.

use super::error::EmbeddedError;
use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;
use std::process::Command;

/// What the server gets when its owner dies: an immediate shutdown. It needs no time and cannot
/// hang; what was committed is in the log.
const DEATH_SIGNAL: &str = "QUIT";

/// A user and group of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Account {
    uid: u32,
    gid: u32,
    /// Whether it is another than our own.
    switch: bool,
}

impl Account {
    /// The account to run the server as.
    pub(super) fn choose() -> Result<Self, EmbeddedError> {
        let own = fs::metadata("/proc/self").map_err(EmbeddedError::io("read /proc/self"))?;
        if own.uid() != 0 {
            return Ok(Account { uid: own.uid(), gid: own.gid(), switch: false });
        }
        let passwd = fs::read_to_string("/etc/passwd")
            .map_err(EmbeddedError::io("read /etc/passwd to find an account for PostgreSQL"))?;
        let found = ["postgres", "nobody"].iter().find_map(|name| lookup(&passwd, name));
        found.ok_or(EmbeddedError::NoAccount)
    }

    /// Whether a file with this owner may be the server's or ours.
    pub(super) fn owns(self, uid: u32) -> bool {
        uid == self.uid || (self.switch && uid == 0)
    }

    /// Gives a file or directory to the account.
    pub(super) fn give(self, path: &Path) -> Result<(), EmbeddedError> {
        if !self.switch {
            return Ok(());
        }
        chown(path, Some(self.uid), Some(self.gid))
            .map_err(EmbeddedError::io(format!("give {} to the server's account", path.display())))
    }

    /// `program` as the account, killed when the *thread* that starts it ends.
    pub(super) fn command(self, program: &Path) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", DEATH_SIGNAL]);
        if self.switch {
            command.args([format!("--reuid={}", self.uid), format!("--regid={}", self.gid)]);
            command.arg("--clear-groups");
        }
        command.arg("--").arg(program);
        command
    }
}

/// The line of `name` in the text of /etc/passwd (`name:x:uid:gid:...`).
fn lookup(passwd: &str, name: &str) -> Option<Account> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next()? != name {
            return None;
        }
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some(Account { uid, gid, switch: true })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_looked_up_by_their_whole_name() {
        let passwd = "root:x:0:0::/root:/bin/sh\npostgres2:x:7:7:::\npostgres:x:101:104:P:/:/b\n";
        let found = lookup(passwd, "postgres").unwrap();
        assert_eq!((found.uid, found.gid, found.switch), (101, 104, true));
        assert_eq!(lookup(passwd, "nobody"), None);
        assert_eq!(lookup("nobody:x:abc:1:", "nobody"), None);
    }
}
