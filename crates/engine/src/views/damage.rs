//! A views file that is damaged: nothing is lost with it, so it is set aside and the views are made anew from the journal.
//!
//! | who meets the damage | what follows |
//! |---|---|
//! | a start, while it opens the views, reads checkpoint and keys, or writes what they lack | set aside at once, all of it made anew, then it starts |
//! | the projector of a running instance | a mark beside the file, and the process ends: the next start sets it aside |
//! | a reader of a running instance | a mark; payments go on, what lies on the damaged page is not shown until the next start |
//!
//! Without the mark a start that happens not to touch the damaged page would meet it later, again and again. Journal and
//! control have no copy to be made from: their damage stays a refusal. A PostgreSQL looks after its own files.

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::path::Path;

use mamori_datastore::fault::Fault;
use mamori_datastore::sql::{Db, Location};
use mamori_domain::world::Timestamp;

use crate::views::{VIEWS, projector};

/// A file beside the views: a reader or the projector has met damage in them.
pub(crate) const MARK: &str = "views.damaged";

/// Opens the views for their writer; what is damaged at first sight, or was found damaged before, is set aside first.
pub(crate) fn open_or_make_anew(location: &Location, now: Timestamp) -> Result<Db, Fault> {
    let marked = location
        .directory()
        .is_some_and(|directory| directory.join(MARK).exists());
    if marked {
        set_aside(location, now)?;
    }
    match open_and_look(location) {
        Err(fault) if fault.is_damaged_views() => {
            tracing::error!(%fault, "the views are damaged");
            set_aside(location, now)?;
            open_and_look(location)
        }
        opened => opened,
    }
}

fn open_and_look(location: &Location) -> Result<Db, Fault> {
    let mut views = location.open(&VIEWS)?;
    projector::read_progress(&mut views)?;
    Ok(views)
}

/// Remembers for the next start that the views are damaged, if that is what the fault says. Told once.
pub(crate) fn mark(location: &Location, fault: &Fault) {
    let Some(directory) = location.directory().filter(|_| fault.is_damaged_views()) else {
        return;
    };
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(directory.join(MARK))
        .and_then(|_| sync(directory));
    match made {
        Ok(()) => tracing::error!(
            %fault,
            "the views are damaged: the next start sets them aside and makes them anew from the journal"
        ),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => {
            tracing::error!(%fault, %error, "the views are damaged, and no mark of it can be made")
        }
    }
}

/// Moves the file, with its log, out of the way under a name of this second. No connection may have it open.
pub(crate) fn set_aside(location: &Location, now: Timestamp) -> Result<(), Fault> {
    let Some(directory) = location.directory() else {
        return Err(Fault::broken("only a file can be set aside"));
    };
    let failed = |_| Fault::refused("the damaged views cannot be set aside");
    let mut second = now.seconds();
    let aside =
        |second: i64, end: &str| directory.join(format!("views-damaged-{second}.sqlite{end}"));
    while aside(second, "").exists() {
        second += 1;
    }
    // A crash between the two names must not leave a file that is believed without its log.
    File::create(directory.join(MARK))
        .and_then(|_| sync(directory))
        .map_err(failed)?;
    // The log first: without its file it would be taken for the log of the new one.
    for end in ["-wal", "-shm", ""] {
        match fs::rename(
            directory.join(format!("{}{end}", VIEWS.file)),
            aside(second, end),
        ) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            moved => moved.map_err(failed)?,
        }
    }
    sync(directory).map_err(failed)?;
    match fs::remove_file(directory.join(MARK)) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        removed => removed.map_err(failed)?,
    }
    tracing::error!(
        aside = %aside(second, "").display(),
        "damaged views are set aside; they are made anew from the journal, which takes as long as reading all of it"
    );
    Ok(())
}

fn sync(directory: &Path) -> std::io::Result<()> {
    File::open(directory).and_then(|directory| directory.sync_all())
}
