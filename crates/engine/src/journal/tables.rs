//! The tables of the journal and their statements, the same on both databases.

use mamori_datastore::fault::Fault;
use mamori_datastore::sql::{Db, Durability, Family, Migration, Param};

use crate::journal::row::{Head, JournalRow, param};

/// File name of the first segment of an embedded journal.
pub(crate) const FIRST_FILE: &str = "journal.sqlite";

/// The journal's family of tables: rows, starts of segments, leases.
pub const JOURNAL: Family = Family {
    name: "journal",
    file: FIRST_FILE,
    durability: Durability::Journal,
    migrations: &[Migration {
        name: "journal, segments, leases",
        sql: "
            CREATE TABLE journal (
                shard BIGINT NOT NULL,
                seq BIGINT NOT NULL,
                epoch BIGINT NOT NULL,
                at BIGINT NOT NULL,
                prev_hash BYTEA NOT NULL,
                hash BYTEA NOT NULL,
                batch BYTEA NOT NULL,
                PRIMARY KEY (shard, seq)
            );
            CREATE TABLE journal_segments (
                shard BIGINT NOT NULL,
                segment BIGINT NOT NULL,
                closed_seq BIGINT NOT NULL,
                closed_epoch BIGINT NOT NULL,
                closed_at BIGINT NOT NULL,
                closed_hash BYTEA NOT NULL,
                PRIMARY KEY (shard, segment)
            );
            CREATE TABLE leases (
                shard BIGINT NOT NULL PRIMARY KEY,
                epoch BIGINT NOT NULL,
                owner BYTEA NOT NULL,
                confirmed BIGINT NOT NULL
            );",
    }],
};

/// The fence: a row is inserted only behind the row it is linked to, and a seq is taken once.
///
/// One statement is one transaction everywhere, so nothing but the primary key and this condition is needed, at any
/// isolation level. The second EXISTS is the start of a segment, whose predecessor lies in a closed file.
const APPEND: &str = "
    INSERT INTO journal (shard, seq, epoch, at, prev_hash, hash, batch)
    SELECT CAST($1 AS BIGINT), CAST($2 AS BIGINT), CAST($3 AS BIGINT), CAST($4 AS BIGINT),
           CAST($5 AS BYTEA), CAST($6 AS BYTEA), CAST($7 AS BYTEA)
    WHERE EXISTS (SELECT 1 FROM journal WHERE shard = $1 AND seq = $2 - 1 AND hash = $5)
       OR EXISTS (SELECT 1 FROM journal_segments WHERE shard = $1 AND closed_seq = $2 - 1 AND closed_hash = $5)
    ON CONFLICT (shard, seq) DO NOTHING";

pub(super) fn append(db: &mut Db, row: &JournalRow) -> Result<u64, Fault> {
    db.execute(
        APPEND,
        &[
            Param::Int(i64::from(row.shard)),
            param(row.seq),
            param(row.epoch),
            Param::Int(row.at),
            Param::Blob(&row.prev_hash),
            Param::Blob(&row.hash),
            Param::Blob(&row.batch),
        ],
    )
}

pub(super) fn rows(
    db: &mut Db,
    shard: u32,
    from_seq: u64,
    limit: usize,
) -> Result<Vec<JournalRow>, Fault> {
    db.query(
        "SELECT shard, seq, epoch, at, prev_hash, hash, batch FROM journal
         WHERE shard = $1 AND seq >= $2 ORDER BY seq LIMIT $3",
        &[
            Param::Int(i64::from(shard)),
            param(from_seq),
            param(limit as u64),
        ],
        JournalRow::read,
    )
}

/// The newest row, or where the segment begins, or nothing.
pub(super) fn head(db: &mut Db, shard: u32) -> Result<Head, Fault> {
    let newest = db.query_first(
        "SELECT seq, epoch, at, hash FROM journal WHERE shard = $1 ORDER BY seq DESC LIMIT 1",
        &[Param::Int(i64::from(shard))],
        Head::read,
    )?;
    match newest {
        Some(head) => Ok(head),
        None => Ok(segment_start(db, shard)?.unwrap_or(Head::EMPTY)),
    }
}

/// The row before the first one of the newest segment in this database.
pub(super) fn segment_start(db: &mut Db, shard: u32) -> Result<Option<Head>, Fault> {
    db.query_first(
        "SELECT closed_seq, closed_epoch, closed_at, closed_hash FROM journal_segments
         WHERE shard = $1 ORDER BY segment DESC LIMIT 1",
        &[Param::Int(i64::from(shard))],
        Head::read,
    )
}

/// Notes that `segment` begins behind `head`; the first one begins behind nothing.
pub(super) fn begin_segment(
    db: &mut Db,
    shard: u32,
    segment: u64,
    head: &Head,
) -> Result<(), Fault> {
    db.execute(
        "INSERT INTO journal_segments (shard, segment, closed_seq, closed_epoch, closed_at, closed_hash)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (shard, segment) DO NOTHING",
        &[
            Param::Int(i64::from(shard)),
            param(segment),
            param(head.seq),
            param(head.epoch),
            Param::Int(head.at),
            Param::Blob(&head.hash),
        ],
    )
    .map(|_| ())
}

/// The shards with a journal in this database.
pub(super) fn shards(db: &mut Db) -> Result<Vec<u32>, Fault> {
    db.query(
        "SELECT DISTINCT shard FROM journal_segments ORDER BY shard",
        &[],
        |row| {
            u32::try_from(row.int(0)).unwrap_or_else(|_| {
                row.reject(0);
                0
            })
        },
    )
}

/// Notes that every shard's first segment begins behind nothing: for a journal copied whole into one file.
pub(crate) fn begin_first_segments(db: &mut Db) -> Result<(), Fault> {
    let shards = db.query(
        "SELECT DISTINCT shard FROM journal ORDER BY shard",
        &[],
        |row| {
            u32::try_from(row.int(0)).unwrap_or_else(|_| {
                row.reject(0);
                0
            })
        },
    )?;
    for shard in shards {
        begin_segment(db, shard, 1, &Head::EMPTY)?;
    }
    Ok(())
}
