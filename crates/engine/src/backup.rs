//! Backup under load, and restore that never hides a loss.
//!
//! A backup is a directory of plain SQLite files whatever the store is, with a list of their hashes that is written last:
//! a directory without it is no backup. So a backup can be audited as it lies, and restored into either kind of store.
//!
//! | order | why |
//! |---|---|
//! | views first | their mark is never ahead of the journal that is copied after them |
//! | journal | its head is the instant of the backup |
//! | registry last | whatever the copied book names is there; a row that the book does not name yet is dead and reconciled |
//! | key file | only on request: with it the directory is the whole secret |
//!
//! PostgreSQL is read in one repeatable-read snapshot, where the order does not matter.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use mamori_datastore::fault::Fault;
use mamori_datastore::hex::{from_hex, to_hex};
use mamori_datastore::private;
use mamori_datastore::sql::copy::{copy_table, tables_of};
use mamori_datastore::sql::{Db, Family, Location, UNFINISHED_RESTORE};
use mamori_domain::event::Event;
use mamori_domain::ids::IdSpace;
use sha2::{Digest, Sha256};

use crate::clock::Clock;
use crate::journal::batch::decode_events;
use crate::journal::{self, Head, JOURNAL, JournalReader, JournalRow};
use crate::lease::Candidate;
use crate::views::damage;

/// The list of files; a backup without it was interrupted.
const LIST_FILE: &str = "backup.txt";
const LIST_HEADER: &str = "mamori backup 1";
/// The master key inside a backup that holds it.
const KEY_FILE: &str = "master.key";
/// Journal rows that are read at a time.
const ROWS_A_LOOK: usize = 256;
/// Tables that belong to a running store and not to its content.
const NOT_CONTENT: [&str; 3] = ["schema_versions", "journal_segments", "leases"];

/// How far a backup or a restore has come, for a progress bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub done_bytes: u64,
    /// Bytes in all as far as known, never less than `done_bytes`; a PostgreSQL does not tell beforehand.
    pub total_bytes: u64,
}

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// Newest journal row of each shard: the instant of the backup.
    pub heads: Vec<(u32, Head)>,
    /// Name, size in bytes and SHA-256 of each file.
    pub files: Vec<(String, u64, [u8; 32])>,
}

impl Backup {
    /// The newest journal row of a shard in it; zero for none.
    fn head_seq(&self, shard: u32) -> u64 {
        let head = self.heads.iter().find(|(listed, _)| *listed == shard);
        head.map_or(0, |(_, head)| head.seq)
    }
}

/// What a restore may do.
#[derive(Debug, Clone, Default)]
pub struct RestoreOptions {
    /// Newest journal rows known from elsewhere (signed heads given away, an auditor's note).
    pub known_heads: Vec<(u32, u64)>,
    /// Go on although rows that are known to have existed are missing; the caller has journaled the loss in the backup's own
    /// journal, or does so before a client is served.
    pub accept_loss: bool,
    /// Where to put the master key if the backup holds it.
    pub key_file: Option<PathBuf>,
    /// Tables whose rows do not come back: what was open when the backup was made and may have been ended since.
    pub ended: &'static [&'static str],
}

/// What a restore did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Newest journal row of each shard now.
    pub heads: Vec<(u32, Head)>,
    /// Shards that lost rows: shard, and the highest seq that is known to have existed. To be journaled before anything else.
    pub lost: Vec<(u32, u64)>,
}

/// Copies a store, consistent at its journal's head, while it is in use.
///
/// `families` in the order views, journal, control. `into` must be empty or not exist. `key_file` is copied only when
/// given.
pub fn backup(
    location: &Location,
    families: &[&Family],
    into: &Path,
    key_file: Option<&Path>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Backup, Fault> {
    make_empty_directory(into)?;
    let target = Location::Directory(into.to_owned());
    match location.directory() {
        Some(directory) => copy_files(directory, families, into, progress)?,
        None => copy_database(location, families, &target, progress)?,
    }
    if let Some(key_file) = key_file {
        copy_key(key_file, &into.join(KEY_FILE))?;
    }
    let backup = Backup {
        heads: heads_of(&target)?,
        files: hash_files(into)?,
    };
    write_list(into, &backup)?;
    Ok(backup)
}

/// Reads a backup's list and checks every file against it.
pub fn inspect(backup: &Path) -> Result<Backup, Fault> {
    let listed = read_list(backup)?;
    for (name, bytes, hash) in &listed.files {
        let path = backup.join(name);
        let found = fs::metadata(&path).map(|file| file.len()).unwrap_or(0);
        if found != *bytes || hash_file(&path)? != *hash {
            return Err(Fault::broken("a file of the backup is damaged or missing"));
        }
    }
    Ok(listed)
}

/// Puts a backup in the place of a store that no process serves.
///
/// Refuses when the present store or a known head has rows that the backup lacks, unless `accept_loss`. The present files are
/// moved aside, never deleted; a PostgreSQL database must be empty. Interrupted, the place stays refused until a restore
/// has ended.
pub fn restore(
    backup: &Path,
    into: &Location,
    families: &[&Family],
    options: &RestoreOptions,
    clock: &dyn Clock,
    progress: &mut dyn FnMut(Progress),
) -> Result<Restored, Fault> {
    let listed = inspect(backup)?;
    let lost = lost_by(backup, &listed, into, options)?;
    let total_bytes = listed.files.iter().map(|(_, bytes, _)| bytes).sum();
    if let Some(key_file) = &options.key_file
        && backup.join(KEY_FILE).is_file()
        && !key_file.exists()
    {
        copy_key(&backup.join(KEY_FILE), key_file)?;
    }
    match into.directory() {
        Some(directory) => {
            let end = || empty_tables(into, families, options.ended);
            restore_files(backup, &listed, into, directory, &end, clock, progress)?;
        }
        None => {
            restore_database(backup, into, families, options.ended, total_bytes, progress)?;
        }
    }
    Ok(Restored {
        heads: listed.heads,
        lost,
    })
}

/// The shards that a restore would lose rows of: shard, and the highest seq that is known to have existed. Refuses where
/// [`restore`] would, and touches nothing.
pub fn would_lose(
    backup: &Path,
    into: &Location,
    options: &RestoreOptions,
) -> Result<Vec<(u32, u64)>, Fault> {
    lost_by(backup, &inspect(backup)?, into, options)
}

/// The newest incarnation that the store which is there now has made ids in; zero when there is none. A store that takes its place
/// after a loss must go beyond it: the lost rows may hold an earlier loss, and ids that were given out after that.
///
/// Incarnations only rise, so the newest row that names one or made an id says it. What cannot be read is passed over and counted
/// as one more: a damaged journal is what a restore is for.
pub fn incarnation_of(location: &Location, shard: u32) -> Result<u16, Fault> {
    let heads = present_heads(location)?;
    let Some((_, head)) = heads.iter().find(|(present, _)| *present == shard) else {
        return Ok(0);
    };
    let mut reader = JournalReader::open(location, shard)?;
    let (mut newest_seq, mut unread) = (head.seq, 0);
    while newest_seq > 0 {
        let from_seq = newest_seq.saturating_sub(ROWS_A_LOOK as u64 - 1).max(1);
        match reader.read(from_seq, ROWS_A_LOOK) {
            Ok(rows) => {
                if let Some(named) = rows.iter().filter_map(named_incarnation).max() {
                    return Ok(named + unread);
                }
            }
            Err(fault) => {
                tracing::warn!(%fault, from_seq, "rows of the journal cannot be read and are passed over");
                unread = 1;
            }
        }
        newest_seq = from_seq - 1;
    }
    Ok(unread)
}

/// The newest incarnation that a row of the journal names, or made an id in.
fn named_incarnation(row: &JournalRow) -> Option<u16> {
    let events = decode_events(&row.batch).ok()?;
    let named = events.iter().filter_map(|event| match event {
        Event::Stamped(stamped) => Some(stamped.ids.incarnation),
        Event::LossAccepted(accepted) => Some(accepted.ids.incarnation),
        event => event
            .movement()
            .map(|movement| IdSpace::of(movement.entry.0).incarnation),
    });
    named.max()
}

fn lost_by(
    backup: &Path,
    listed: &Backup,
    into: &Location,
    options: &RestoreOptions,
) -> Result<Vec<(u32, u64)>, Fault> {
    let mut known: Vec<(u32, u64, bool)> = Vec::new();
    for (shard, head) in present_heads(into)? {
        known.push((shard, head.seq, holds(backup, listed, shard, &head)?));
    }
    for (shard, seq) in &options.known_heads {
        known.push((*shard, *seq, *seq <= listed.head_seq(*shard)));
    }
    let mut lost: Vec<(u32, u64)> = Vec::new();
    for (shard, seq, held) in known {
        if !held {
            lost.retain(|(other, highest)| *other != shard || *highest > seq);
            if lost.iter().all(|(other, _)| *other != shard) {
                lost.push((shard, seq));
            }
        }
    }
    if let (Some((_, seq)), false) = (lost.first(), options.accept_loss) {
        return Err(Fault::refused(
            "the backup lacks rows that are known to have existed: they would be lost (--accept-loss)",
        )
        .with_number("known_seq", seq.cast_signed()));
    }
    Ok(lost)
}

/// Whether a backup holds this very row: one of the same number may belong to another past, after a loss that was accepted.
fn holds(backup: &Path, listed: &Backup, shard: u32, head: &Head) -> Result<bool, Fault> {
    if head.seq > listed.head_seq(shard) {
        return Ok(false);
    }
    let mut reader = JournalReader::open(&Location::Directory(backup.to_owned()), shard)?;
    let row = reader.read(head.seq, 1)?.pop();
    Ok(row.is_some_and(|row| row.seq == head.seq && row.hash == head.hash))
}

/// One family per file: two may share one, and it is copied once.
fn by_file<'a>(families: &[&'a Family]) -> Vec<&'a Family> {
    let mut first: Vec<&Family> = Vec::new();
    for family in families {
        if first.iter().all(|other| other.file != family.file) {
            first.push(family);
        }
    }
    first
}

fn copy_files(
    directory: &Path,
    families: &[&Family],
    into: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), Fault> {
    let mut done_bytes = 0;
    let mut total_bytes = 0;
    let families = by_file(families);
    for family in &families {
        for path in files_of(directory, family)? {
            total_bytes += fs::metadata(&path).map_or(0, |file| file.len());
        }
    }
    for family in &families {
        let mut copied = 0;
        // A segment that begins while the one before it is copied is copied too.
        while let Some(path) = files_of(directory, family)?.into_iter().nth(copied) {
            let name = path
                .file_name()
                .ok_or_else(|| Fault::broken("a store file has no name"))?;
            let before = done_bytes;
            let target = into.join(name);
            Db::open_lite_to_read(&path)?.lite_copy_to(&target, &mut |done, total| {
                let size = fs::metadata(&path).map_or(0, |file| file.len());
                done_bytes = before
                    + (u128::from(size) * u128::from(done) / u128::from(total.max(1))) as u64;
                progress(Progress {
                    done_bytes,
                    total_bytes: total_bytes.max(done_bytes),
                });
            })?;
            sync(&target)?;
            copied += 1;
        }
    }
    Ok(())
}

fn copy_database(
    location: &Location,
    families: &[&Family],
    target: &Location,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), Fault> {
    let mut source = location.open_read(families.first().copied().unwrap_or(&JOURNAL))?;
    // Every family first: two may share a file, which then has the tables of both.
    for family in families {
        drop(target.open(family)?);
    }
    let families = by_file(families);
    let mut targets = Vec::new();
    for family in &families {
        let mut db = target.open(family)?;
        let tables = tables_of(&mut db)?;
        targets.push((db, tables));
    }
    let mut done_bytes = 0;
    source.snapshot(|from| {
        done_bytes = 0;
        for (db, tables) in &mut targets {
            db.transaction(|to| {
                for table in tables
                    .iter()
                    .filter(|table| !NOT_CONTENT.contains(&table.name.as_str()))
                {
                    copy_table(from, to, table, true, &mut |bytes| {
                        done_bytes += bytes;
                        progress(Progress {
                            done_bytes,
                            total_bytes: done_bytes,
                        });
                    })?;
                }
                Ok(())
            })?;
        }
        Ok(())
    })?;
    for ((db, _), family) in targets.iter_mut().zip(&families) {
        if family.name == JOURNAL.name {
            journal::begin_first_segments(db)?;
        }
        db.lite_make_plain()?;
    }
    drop(targets);
    if let Some(directory) = target.directory() {
        for family in &families {
            sync(&directory.join(family.file))?;
        }
    }
    Ok(())
}

fn restore_files(
    backup: &Path,
    listed: &Backup,
    into: &Location,
    directory: &Path,
    end: &dyn Fn() -> Result<(), Fault>,
    clock: &dyn Clock,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), Fault> {
    into.make_directory()?;
    // Held to the end: no server may start on half a store, and none may be running.
    let lease = Candidate::new(into, 0, [0; 16])?.try_take(0, clock)?;
    let Some(_lease) = lease else {
        return Err(Fault::refused("a server runs on this store: stop it first"));
    };
    let failed = |_| Fault::refused("the files of the store cannot be put in place");
    let marker = directory.join(UNFINISHED_RESTORE);
    File::create(&marker)
        .and_then(|marker| marker.sync_all())
        .map_err(failed)?;
    move_aside(directory)?;
    let total_bytes = listed.files.iter().map(|(_, bytes, _)| bytes).sum();
    let mut done_bytes = 0;
    for (name, bytes, _) in listed.files.iter().filter(|(name, _, _)| name != KEY_FILE) {
        let target = directory.join(name);
        fs::copy(backup.join(name), &target).map_err(failed)?;
        sync(&target)?;
        done_bytes += bytes;
        progress(Progress {
            done_bytes,
            total_bytes,
        });
    }
    // While the mark stands no server starts: what has ended is never served, wherever this stops.
    end()?;
    sync(directory)?;
    fs::remove_file(&marker).map_err(failed)?;
    sync(directory)
}

/// Empties the tables of these names in the files of a store that is being put in place.
/// They are migrated first: what a migration makes of an older program's rows has ended as well.
fn empty_tables(into: &Location, families: &[&Family], names: &[&str]) -> Result<(), Fault> {
    let directory = into.directory().expect("a store of files");
    for family in families {
        let path = directory.join(family.file);
        if family.name == JOURNAL.name || !path.is_file() || names.is_empty() {
            continue;
        }
        let mut db = into.open_unfinished(family)?;
        let tables = tables_of(&mut db)?;
        for name in names {
            if tables.iter().any(|table| table.name == **name) {
                db.execute(&format!("DELETE FROM {name}"), &[])?;
            }
        }
        db.lite_make_plain()?;
        drop(db);
        sync(&path)?;
    }
    Ok(())
}

/// Moves the files of the present store into a directory beside them.
fn move_aside(directory: &Path) -> Result<(), Fault> {
    let failed = |_| Fault::refused("the present files of the store cannot be moved aside");
    let is_store_file = |name: &str| {
        name.contains(".sqlite")
            || name == damage::MARK
            || name.starts_with("journal.") && !name.ends_with(".reserve")
    };
    let entries = fs::read_dir(directory).map_err(failed)?.flatten();
    let names: Vec<_> = entries
        .filter(|entry| entry.file_name().to_str().is_some_and(is_store_file))
        .collect();
    if names.is_empty() {
        return Ok(());
    }
    let mut count = 1;
    while directory.join(format!("replaced-{count}")).exists() {
        count += 1;
    }
    let aside = directory.join(format!("replaced-{count}"));
    fs::create_dir(&aside).map_err(failed)?;
    for entry in names {
        fs::rename(entry.path(), aside.join(entry.file_name())).map_err(failed)?;
    }
    sync(directory)
}

fn restore_database(
    backup: &Path,
    into: &Location,
    families: &[&Family],
    ended: &[&str],
    total_bytes: u64,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), Fault> {
    if !present_heads(into)?.is_empty() {
        return Err(Fault::refused(
            "the database holds a store: restore into an empty one",
        ));
    }
    for family in families {
        drop(into.open(family)?);
    }
    let mut done_bytes = 0;
    // The journal comes last and as one transaction: until it is there, the database holds no store.
    let (last, first): (Vec<&Family>, Vec<&Family>) = by_file(families)
        .into_iter()
        .partition(|family| family.name == JOURNAL.name);
    for family in first.into_iter().chain(last) {
        let mut target = into.open(family)?;
        let sources = files_of(backup, family)?;
        target.transaction(|to| {
            for (index, path) in sources.iter().enumerate() {
                let mut source = Db::open_lite_to_read(path)?;
                let tables = tables_of(&mut source)?;
                source.snapshot(|from| {
                    for table in tables
                        .iter()
                        .filter(|table| !NOT_CONTENT.contains(&table.name.as_str()))
                        .filter(|table| !ended.contains(&table.name.as_str()))
                    {
                        copy_table(from, to, table, index == 0, &mut |bytes| {
                            done_bytes += bytes;
                            progress(Progress {
                                done_bytes,
                                total_bytes: total_bytes.max(done_bytes),
                            });
                        })?;
                    }
                    Ok(())
                })?;
            }
            Ok(())
        })?;
        if family.name == JOURNAL.name {
            journal::begin_first_segments(&mut target)?;
        }
    }
    Ok(())
}

/// The files of a family, oldest first; the journal may have several.
fn files_of(directory: &Path, family: &Family) -> Result<Vec<PathBuf>, Fault> {
    if family.name == JOURNAL.name {
        return journal::files(directory);
    }
    let path = directory.join(family.file);
    Ok(if path.is_file() {
        vec![path]
    } else {
        Vec::new()
    })
}

fn heads_of(location: &Location) -> Result<Vec<(u32, Head)>, Fault> {
    let mut heads = Vec::new();
    for shard in journal::shards(location)? {
        heads.push((shard, JournalReader::open(location, shard)?.head()?));
    }
    Ok(heads)
}

/// The heads of the store that is there now; empty when there is none or it has no row.
fn present_heads(location: &Location) -> Result<Vec<(u32, Head)>, Fault> {
    let mut heads = match location.directory() {
        Some(directory) if !directory.join(JOURNAL.file).is_file() => Vec::new(),
        Some(_) => heads_of(location)?,
        None => {
            drop(location.open(&JOURNAL)?);
            heads_of(location)?
        }
    };
    heads.retain(|(_, head)| head.seq > 0);
    Ok(heads)
}

fn make_empty_directory(path: &Path) -> Result<(), Fault> {
    let failed = |_| Fault::refused("the directory for the backup cannot be made");
    private::directory(path).map_err(failed)?;
    match fs::read_dir(path).map_err(failed)?.next() {
        None => Ok(()),
        Some(_) => Err(Fault::refused("the directory for the backup is not empty")),
    }
}

fn copy_key(from: &Path, to: &Path) -> Result<(), Fault> {
    let copy = || -> std::io::Result<()> {
        let key = fs::read(from)?;
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(to)?;
        file.write_all(&key)?;
        file.sync_all()
    };
    copy().map_err(|_| Fault::refused("the master key file cannot be copied"))
}

fn hash_files(directory: &Path) -> Result<Vec<(String, u64, [u8; 32])>, Fault> {
    let entries =
        fs::read_dir(directory).map_err(|_| Fault::refused("the backup cannot be read"))?;
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    let mut files = Vec::with_capacity(names.len());
    for name in names {
        let path = directory.join(&name);
        let bytes = fs::metadata(&path).map_or(0, |file| file.len());
        files.push((name, bytes, hash_file(&path)?));
    }
    Ok(files)
}

fn hash_file(path: &Path) -> Result<[u8; 32], Fault> {
    let failed = |_| Fault::refused("a file of the backup cannot be read");
    let mut file = File::open(path).map_err(failed)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).map_err(failed)? {
            0 => return Ok(hasher.finalize().into()),
            read => hasher.update(&buffer[..read]),
        }
    }
}

fn write_list(directory: &Path, backup: &Backup) -> Result<(), Fault> {
    let mut text = format!("{LIST_HEADER}\n");
    for (shard, head) in &backup.heads {
        let _ = writeln!(
            text,
            "head {shard} {} {} {} {}",
            head.seq,
            head.epoch,
            head.at,
            to_hex(&head.hash)
        );
    }
    for (name, bytes, hash) in &backup.files {
        let _ = writeln!(text, "file {name} {bytes} {}", to_hex(hash));
    }
    let path = directory.join(LIST_FILE);
    let written = File::create(&path).and_then(|mut file| {
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
    });
    written.map_err(|_| Fault::refused("the list of the backup cannot be written"))?;
    sync(directory)
}

fn read_list(directory: &Path) -> Result<Backup, Fault> {
    let text = fs::read_to_string(directory.join(LIST_FILE)).map_err(|_| {
        Fault::refused("this directory is no finished backup: it has no list of files")
    })?;
    let wrong = || Fault::broken("the list of the backup cannot be understood");
    let mut lines = text.lines();
    if lines.next() != Some(LIST_HEADER) {
        return Err(wrong());
    }
    let mut backup = Backup {
        heads: Vec::new(),
        files: Vec::new(),
    };
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["head", shard, seq, epoch, at, hash] => {
                let head = Head {
                    seq: seq.parse().map_err(|_| wrong())?,
                    epoch: epoch.parse().map_err(|_| wrong())?,
                    at: at.parse().map_err(|_| wrong())?,
                    hash: from_hex(hash).ok_or_else(wrong)?,
                };
                backup
                    .heads
                    .push((shard.parse().map_err(|_| wrong())?, head));
            }
            // A name with a way in it could leave the directory.
            ["file", name, bytes, hash] if !name.contains(['/', '\\']) && *name != ".." => {
                let hash = from_hex(hash).ok_or_else(wrong)?;
                backup.files.push((
                    (*name).to_owned(),
                    bytes.parse().map_err(|_| wrong())?,
                    hash,
                ));
            }
            _ => return Err(wrong()),
        }
    }
    Ok(backup)
}

fn sync(path: &Path) -> Result<(), Fault> {
    let synced = File::open(path).and_then(|file| file.sync_all());
    synced.map_err(|_| Fault::refused("a file cannot be made durable"))
}
