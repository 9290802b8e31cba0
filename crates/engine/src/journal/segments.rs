//! An embedded journal as files: closed segments that never change again, and the newest one that grows.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use mamori_datastore::fault::Fault;
use mamori_datastore::sql::{Db, Durability, Location};

use crate::journal::row::{Head, JournalRow};
use crate::journal::tables::{self, FIRST_FILE, JOURNAL};

/// Page size of a journal file. Measured at 1, 4, 8, 16 and 32 KiB: see `docs/decisions/`.
pub(super) const PAGE_SIZE: u32 = 4_096;
/// Appended bytes after which the write-back thread is woken: small steps, so that none holds a commit up.
const STEP_BYTES: u64 = 512 * 1_024;
/// Size of the log at which the writer itself writes the last pages back, so that the log starts from its beginning again.
const LOG_BYTES_MAX: u64 = 4 * 1_024 * 1_024;
/// After a next segment could not be begun, the bytes until it is tried again.
const SEGMENT_LATER_BYTES: u64 = 16 * 1_024 * 1_024;
/// Name of the file that is given up when the disk is full.
const RESERVE_FILE: &str = "journal.reserve";

pub(super) struct LiteJournal {
    location: Location,
    directory: PathBuf,
    shard: u32,
    segment: u64,
    segment_bytes: u64,
    /// Size of the newest file from which the next one is begun.
    next_segment_at: u64,
    reserve_bytes: u64,
    db: Db,
    write_back: WriteBack,
    unannounced_bytes: u64,
    /// Set by an I/O error: what is in the page cache can no longer be believed, so this process appends nothing more.
    poisoned: bool,
}

impl LiteJournal {
    pub(super) fn open(
        location: &Location,
        directory: &Path,
        shard: u32,
        segment_bytes: u64,
        reserve_bytes: u64,
    ) -> Result<Self, Fault> {
        location.make_directory()?;
        let segment = newest_segment(directory)?;
        for closed in 1..segment {
            fold_in_log(directory, closed)?;
        }
        let _ = fs::remove_file(unfinished(directory));
        // Without a reserve a start is still better than none: the disk may be full at this very moment.
        if !keep_reserve(directory, reserve_bytes, 0) {
            tracing::warn!("no room to keep a reserve for the journal: the disk is almost full");
        }
        let path = file_of(directory, segment);
        let mut db = location.open_file(&path, &JOURNAL, PAGE_SIZE)?;
        if segment == 1 {
            tables::begin_segment(&mut db, shard, 1, &Head::EMPTY)?;
        }
        Ok(Self {
            location: location.clone(),
            directory: directory.to_owned(),
            shard,
            segment,
            segment_bytes,
            next_segment_at: segment_bytes,
            reserve_bytes,
            db,
            write_back: WriteBack::start(path)?,
            unannounced_bytes: 0,
            poisoned: false,
        })
    }

    pub(super) fn db(&mut self) -> &mut Db {
        &mut self.db
    }

    pub(super) fn location(&self) -> &Location {
        &self.location
    }

    pub(super) fn append(&mut self, row: &JournalRow) -> Result<u64, Fault> {
        if self.poisoned {
            return Err(Fault::unknown_outcome(
                "the journal's disk failed: this process must end and start again",
            ));
        }
        // Both are done here, after the answers of the last batch have left, so that no client waits for them.
        if self.write_back.file_bytes() >= self.next_segment_at {
            self.begin_next_segment()?;
        } else if self.write_back.wants_end() {
            self.write_back.ended();
            // On a full disk the log stays longer, and the append below finds out whether that has room.
            if let Err(fault) = self.db.lite_checkpoint("PASSIVE")
                && !fault.is_full()
            {
                return Err(fault);
            }
        }
        let appended = tables::append(&mut self.db, row)
            .inspect_err(|fault| self.poisoned = fault.is_unknown_outcome())?;
        self.unannounced_bytes += row.batch.len() as u64 + 2 * u64::from(PAGE_SIZE);
        if self.unannounced_bytes >= STEP_BYTES {
            self.unannounced_bytes = 0;
            self.write_back.step();
        }
        Ok(appended)
    }

    /// Gives up the reserve; true when there was one.
    pub(super) fn release_reserve(&mut self) -> bool {
        fs::remove_file(self.directory.join(RESERVE_FILE)).is_ok()
    }

    /// Keeps a reserve again, if the disk has room for it and for as much again.
    pub(super) fn keep_reserve(&self) -> bool {
        keep_reserve(&self.directory, self.reserve_bytes, self.reserve_bytes)
    }

    /// Closes the newest file for ever and begins the next.
    ///
    /// The next file is complete under another name before it gets its own: after a crash at any instant the newest
    /// file either is the old one, or holds the head of the old one.
    fn begin_next_segment(&mut self) -> Result<(), Fault> {
        let head = tables::head(&mut self.db, self.shard)?;
        let next = self.segment + 1;
        let unfinished = unfinished(&self.directory);
        let path = file_of(&self.directory, next);
        let failed = |_| Fault::retryable("the next segment of the journal cannot be made");
        let made = self
            .make_segment(&unfinished, next, &head)
            .and_then(|()| fs::rename(&unfinished, &path).map_err(failed));
        if let Err(fault) = made {
            // Nothing has changed, so the present file takes the rows: the disk may be too full for another one.
            let _ = fs::remove_file(&unfinished);
            self.next_segment_at = self.write_back.file_bytes() + SEGMENT_LATER_BYTES;
            tracing::warn!(%fault, "the next segment of the journal is begun later");
            return Ok(());
        }
        File::open(&self.directory)
            .and_then(|directory| directory.sync_all())
            .map_err(failed)?;
        let db = self.location.open_file(&path, &JOURNAL, PAGE_SIZE)?;
        let closed = self.segment;
        self.write_back = WriteBack::start(path)?;
        self.db = db;
        self.segment = next;
        self.next_segment_at = self.segment_bytes;
        self.unannounced_bytes = 0;
        // A reader that still has the file open may prevent it; the next start does it then.
        let _ = fold_in_log(&self.directory, closed);
        Ok(())
    }

    fn make_segment(&self, path: &Path, segment: u64, head: &Head) -> Result<(), Fault> {
        let _ = fs::remove_file(path);
        {
            let mut db = self.location.open_file(path, &JOURNAL, PAGE_SIZE)?;
            tables::begin_segment(&mut db, self.shard, segment, head)?;
            db.lite_make_plain()?;
        }
        File::open(path)
            .and_then(|file| file.sync_all())
            .map_err(|_| Fault::retryable("the next segment of the journal cannot be made"))
    }
}

/// Writes pages back from the log into the file on another connection, a small step at a time.
///
/// A step never blocks a commit. Under steady load it never quite reaches the end of the log either, so when the log has
/// grown it asks the writer to write the last few pages back between two commits.
struct WriteBack {
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    wants_end: AtomicBool,
    file_bytes: AtomicU64,
}

impl WriteBack {
    fn start(path: PathBuf) -> Result<Self, Fault> {
        let db = Db::open_lite(&path, Durability::Journal, PAGE_SIZE)?;
        let state = Arc::new(State::default());
        let file_bytes = fs::metadata(&path).map_or(0, |file| file.len());
        state.file_bytes.store(file_bytes, Ordering::Relaxed);
        let (wake, woken) = sync_channel(1);
        let shared = Arc::clone(&state);
        let thread = thread::Builder::new()
            .name("journal-write-back".to_owned())
            .spawn(move || {
                while woken.recv().is_ok() {
                    // An error here only leaves a longer log; if it persists, the writer meets it in its own append.
                    if let Ok(log_pages) = db.lite_checkpoint("PASSIVE") {
                        let log_bytes = log_pages * u64::from(PAGE_SIZE);
                        shared
                            .wants_end
                            .store(log_bytes >= LOG_BYTES_MAX, Ordering::Relaxed);
                    }
                    let file_bytes = fs::metadata(&path).map_or(0, |file| file.len());
                    shared.file_bytes.store(file_bytes, Ordering::Relaxed);
                }
            });
        let thread = thread
            .map_err(|_| Fault::retryable("the journal's write-back thread cannot be started"))?;
        Ok(Self {
            wake: Some(wake),
            thread: Some(thread),
            state,
        })
    }

    fn step(&self) {
        if let Some(wake) = &self.wake {
            // A full channel means that a step is due already.
            let _ = wake.try_send(());
        }
    }

    fn wants_end(&self) -> bool {
        self.state.wants_end.load(Ordering::Relaxed)
    }

    fn ended(&self) {
        self.state.wants_end.store(false, Ordering::Relaxed);
    }

    fn file_bytes(&self) -> u64 {
        self.state.file_bytes.load(Ordering::Relaxed)
    }
}

impl Drop for WriteBack {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Reads across all segments; every file is opened for reading only.
pub(super) struct LiteReader {
    directory: PathBuf,
    shard: u32,
    /// Last seq before each segment, from segment 1.
    starts: Vec<u64>,
    open: Option<(u64, Db)>,
}

impl LiteReader {
    pub(super) fn open(directory: &Path, shard: u32) -> Result<Self, Fault> {
        let mut reader = Self {
            directory: directory.to_owned(),
            shard,
            starts: Vec::new(),
            open: None,
        };
        reader.find_segments()?;
        Ok(reader)
    }

    pub(super) fn read(&mut self, from_seq: u64, limit: usize) -> Result<Vec<JournalRow>, Fault> {
        let mut rows: Vec<JournalRow> = Vec::new();
        let mut next = from_seq.max(1);
        self.find_segments()?;
        let mut segment = self.starts.partition_point(|start| *start < next) as u64;
        while rows.len() < limit && segment <= self.starts.len() as u64 {
            let shard = self.shard;
            let found = tables::rows(self.segment(segment)?, shard, next, limit - rows.len())?;
            next = found.last().map_or(next, |row| row.seq + 1);
            rows.extend(found);
            segment += 1;
        }
        Ok(rows)
    }

    pub(super) fn head(&mut self) -> Result<Head, Fault> {
        self.find_segments()?;
        let newest = self.starts.len() as u64;
        let shard = self.shard;
        tables::head(self.segment(newest)?, shard)
    }

    /// Looks for segments begun since the last look.
    fn find_segments(&mut self) -> Result<(), Fault> {
        loop {
            let next = self.starts.len() as u64 + 1;
            if next > 1 && !file_of(&self.directory, next).is_file() {
                return Ok(());
            }
            let shard = self.shard;
            let start = tables::segment_start(self.segment(next)?, shard)?;
            self.starts.push(start.map_or(0, |head| head.seq));
        }
    }

    fn segment(&mut self, segment: u64) -> Result<&mut Db, Fault> {
        if self
            .open
            .as_ref()
            .is_none_or(|(number, _)| *number != segment)
        {
            self.open = None;
            let path = file_of(&self.directory, segment);
            self.open = Some((
                segment,
                Db::open_lite(&path, Durability::ReadOnly, PAGE_SIZE)?,
            ));
        }
        match &mut self.open {
            Some((_, db)) => Ok(db),
            None => Err(Fault::broken("a segment of the journal is not open")),
        }
    }
}

/// The files of an embedded journal, oldest first; all but the last never change.
pub(crate) fn files(directory: &Path) -> Result<Vec<PathBuf>, Fault> {
    if !file_of(directory, 1).is_file() {
        return Ok(Vec::new());
    }
    Ok((1..=newest_segment(directory)?)
        .map(|segment| file_of(directory, segment))
        .collect())
}

fn file_of(directory: &Path, segment: u64) -> PathBuf {
    match segment {
        0 | 1 => directory.join(FIRST_FILE),
        _ => directory.join(format!("journal-{segment:06}.sqlite")),
    }
}

fn unfinished(directory: &Path) -> PathBuf {
    directory.join("journal.next")
}

fn newest_segment(directory: &Path) -> Result<u64, Fault> {
    let mut segment = 1;
    while file_of(directory, segment + 1).is_file() {
        segment += 1;
    }
    // A missing file in the middle is a lost segment, not the end of the journal.
    let entries = fs::read_dir(directory)
        .map_err(|_| Fault::refused("the directory of the store cannot be read"))?;
    let beyond = entries.flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        name.strip_prefix("journal-")?
            .strip_suffix(".sqlite")?
            .parse::<u64>()
            .ok()
    });
    match beyond.max() {
        Some(last) if last > segment => Err(Fault::broken("a segment of the journal is missing")
            .with_number("segment", segment.cast_signed() + 1)),
        _ => Ok(segment),
    }
}

/// Makes a closed segment one plain file without a log beside it. A reader may be in the way; the next start tries again.
fn fold_in_log(directory: &Path, segment: u64) -> Result<(), Fault> {
    let path = file_of(directory, segment);
    let mut log = path.clone().into_os_string();
    log.push("-wal");
    if Path::new(&log).is_file() {
        let db = Db::open_lite(&path, Durability::Journal, PAGE_SIZE)?;
        let _ = db.lite_make_plain();
    }
    Ok(())
}

/// Keeps a file that can be given up when the disk is full, so that freezes, cancels and refunds still journal; false when there
/// is no room for it and `spare_bytes` more.
fn keep_reserve(directory: &Path, bytes: u64, spare_bytes: u64) -> bool {
    let path = directory.join(RESERVE_FILE);
    if bytes == 0 || fs::metadata(&path).is_ok_and(|file| file.len() >= bytes) {
        return true;
    }
    let made = File::create(&path).and_then(|mut file| {
        let mut noise = vec![0; 64 * 1_024];
        let mut state = 1u64;
        let mut left = bytes + spare_bytes;
        while left > 0 {
            // No zeros: a file system that compresses would keep no room for them.
            for word in noise.chunks_exact_mut(8) {
                state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
                word.copy_from_slice(&state.to_le_bytes());
            }
            let part = left.min(noise.len() as u64);
            // At most the length of the buffer, so the cast loses nothing.
            file.write_all(&noise[..part as usize])?;
            left -= part;
        }
        file.set_len(bytes)?;
        file.sync_all()
    });
    if made.is_err() {
        let _ = fs::remove_file(&path);
    }
    made.is_ok()
}
