//! Files and directories that only the account of the server may read: names, balances and sealed secrets lie in them.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// What a directory of ours may be to its owner alone.
const DIRECTORY: u32 = 0o700;
/// What a file of ours may be to its owner alone.
const FILE: u32 = 0o600;

/// Makes a directory, and those above it, for the owner alone; one that is there stays as it is.
pub fn new_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(DIRECTORY)
        .create(path)
}

/// The same for a directory that holds nothing but files of ours: if it is there and open to others, it is closed to them.
pub fn directory(path: &Path) -> io::Result<()> {
    new_directory(path)?;
    close(path, DIRECTORY)
}

/// Makes an empty file for the owner alone where none is; one that is there and open to others is closed to them. Files that
/// SQLite puts beside it get the same mode.
pub fn file(path: &Path) -> io::Result<()> {
    match OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(FILE)
        .open(path)
    {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => close(path, FILE),
        made => made.map(drop),
    }
}

/// Takes from others what they may do with a file or directory of ours.
fn close(path: &Path, mode: u32) -> io::Result<()> {
    let is = fs::metadata(path)?.permissions().mode();
    match is & 0o077 {
        0 => Ok(()),
        _ => fs::set_permissions(path, Permissions::from_mode(is & mode)),
    }
}
