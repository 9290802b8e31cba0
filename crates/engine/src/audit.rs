//! Proves a store from its journal alone: every link, every balance, every view. Trusts nothing else, changes nothing.

use std::collections::{BTreeMap, HashMap, VecDeque};

use mamori_datastore::fault::Fault;
use mamori_datastore::keys::MasterKey;
use mamori_datastore::sql::{Db, Location, Param};
use mamori_domain::book::{Book, BookHash, HashKey};
use mamori_domain::context::Context;
use mamori_domain::event::Event;
use mamori_domain::ledger::{Account, AccountKind};
use mamori_domain::reply::TopUpState;
use mamori_domain::world::Timestamp;

use crate::journal::batch::{Committed, decode_events};
use crate::journal::{Head, JournalReader};
use crate::start::replay_row;
use crate::views::acts::{self, Listed};
use crate::views::projector::{Progress, Projector, progress_in, read_progress};
use crate::views::request_keys::{self, key_row, slot};
use crate::views::{Entry, VIEWS, checkpoint, damage, read, say_who_asked};

/// View rows that are read at a time.
const PAGE: u32 = 2_000;
/// At most so many findings are listed; the count goes on.
const LISTED: usize = 100;

/// What an audit found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Rows of the journal that were replayed.
    pub rows: u64,
    /// Acts in those rows.
    pub acts: u64,
    /// Events of those acts.
    pub events: u64,
    /// Postings among them.
    pub postings: u64,
    /// Rows of views that were compared.
    pub compared: u64,
    /// The sums of all accounts by kind, credit-positive yen.
    pub trial: Vec<(&'static str, i64)>,
    /// The ledger says that the registry's lasting rows were given their proofs: one without is a forgery.
    pub registry_is_proven: bool,
    /// What is wrong, in words; empty for a clean store.
    pub findings: Vec<String>,
    /// How many findings there were, listed or not.
    pub count: u64,
}

impl Report {
    /// True if nothing was found.
    pub fn is_clean(&self) -> bool {
        self.count == 0
    }

    fn find(&mut self, finding: String) {
        self.count += 1;
        if self.findings.len() < LISTED {
            self.findings.push(finding);
        }
    }
}

/// Replays the whole journal and compares everything that was derived from it. `progress` hears (rows done, rows in all).
pub fn audit(
    location: &Location,
    master: &MasterKey,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Report, Fault> {
    let mut report = Report::default();
    let chain = master.chain_key();
    let mut views = location.open_read(&VIEWS)?;
    // Read first: rows that come while this runs are beyond what is compared.
    let stand = read_progress(&mut views)?;
    let mut reader = JournalReader::open(location, 0)?;
    let head = reader.head()?;
    if stand.applied_seq > head.seq {
        report.find(format!(
            "the views know row {}, the journal ends at {}",
            stand.applied_seq, head.seq
        ));
    }
    if stand.checkpoint_seq.max(stand.segment_seq) > stand.applied_seq {
        report.find("the mark of the views is ahead of what they hold".into());
    }
    let mut book = Book::new(HashKey::new(master.book_hash_key().expose()));
    let mut balances: HashMap<Account, i64> = HashMap::new();
    let key = HashKey::new(master.book_hash_key().expose());
    let mut compared = Compared::new(&mut views, stand, key)?;
    let mut rows = reader.chain(Head::EMPTY, &chain);
    loop {
        let row = match rows.next() {
            None => break,
            Some(Ok(row)) if row.seq > head.seq => break,
            Some(Ok(row)) => row,
            Some(Err(fault)) => {
                // Rows behind a broken link prove nothing.
                report.find(format!(
                    "the journal is broken after row {}: {fault}",
                    report.rows
                ));
                return Ok(report);
            }
        };
        let committed = match replay_row(&mut book, row.seq, Timestamp(row.at), &row.batch) {
            Ok(committed) => committed,
            Err(fault) => {
                report.find(format!("row {} does not replay: {fault}", row.seq));
                return Ok(report);
            }
        };
        report.rows += 1;
        report.acts += committed.acts.len() as u64;
        report.events += committed.event_count() as u64;
        for event in committed.events() {
            event.postings(&mut |posting| {
                report.postings += 1;
                for (account, by) in posting.sides() {
                    *balances.entry(account).or_default() += by;
                }
            });
        }
        if row.seq <= stand.applied_seq {
            compared.row(&mut report, &committed)?;
        }
        if row.seq == stand.checkpoint_seq && !is_sealed_in_another_shape(location, row.seq)? {
            compare_checkpoint(&mut report, compared.views, row.seq, master, &book)?;
        }
        book.forget_through(row.seq, 0, |_| {});
        if report.rows.is_multiple_of(256) {
            progress(report.rows, head.seq);
        }
    }
    progress(report.rows, head.seq);
    compared.end(&mut report)?;
    compare_balances(&mut report, &book, &balances);
    report.registry_is_proven = book.registry_proven_at().is_some();
    book.audit();
    Ok(report)
}

/// Every balance of the book is the sum of the postings, account by account.
fn compare_balances(report: &mut Report, book: &Book, balances: &HashMap<Account, i64>) {
    let sum = |account: Account| balances.get(&account).copied().unwrap_or(0);
    let mut wrong = Vec::new();
    let mut compare = |account: Account| {
        let (is, must) = (book.balance(account), sum(account));
        if is != must {
            wrong.push(format!(
                "account {account} holds {is} yen, its postings say {must}"
            ));
        }
        if account.kind().floor().is_some_and(|floor| is < floor) {
            wrong.push(format!("account {account} is below its floor"));
        }
    };
    book.wallets.each(|id, _| {
        compare(Account::wallet(*id));
        compare(Account::held(*id));
    });
    book.accounts.each(|account, _| compare(*account));
    for finding in wrong {
        report.find(finding);
    }
    let mut by_kind: BTreeMap<AccountKind, i64> = BTreeMap::new();
    for (account, balance) in balances {
        *by_kind.entry(account.kind()).or_default() += balance;
    }
    for kind in AccountKind::ALL {
        let summed = by_kind.get(&kind).copied().unwrap_or(0);
        if summed != book.trial_balance().of(kind) {
            report.find(format!(
                "the account {} sums to {summed}, the book says {}",
                kind.name(),
                book.trial_balance().of(kind)
            ));
        }
        report.trial.push((kind.name(), summed));
    }
    if by_kind.values().sum::<i64>() != 0 {
        report.find("the sum of all postings is not zero".into());
    }
}

/// Is the checkpoint of a book of another shape? It says nothing about this program's book then, and a start throws it away.
fn is_sealed_in_another_shape(location: &Location, seq: u64) -> Result<bool, Fault> {
    let sealing = JournalReader::open(location, 0)?.read(seq + 1, 1)?.pop();
    let events = sealing.map_or(Ok(Vec::new()), |row| decode_events(&row.batch))?;
    Ok(events
        .iter()
        .any(|event| matches!(event, Event::Sealed(sealed) if sealed.comparable().is_none())))
}

/// The checkpoint is the book at its seq, row by row: the running hashes are equal or they are not.
fn compare_checkpoint(
    report: &mut Report,
    views: &mut Db,
    seq: u64,
    master: &MasterKey,
    book: &Book,
) -> Result<(), Fault> {
    let key = || HashKey::new(master.book_hash_key().expose());
    let loaded = views.snapshot(|tx| match progress_in(tx)?.checkpoint_seq == seq {
        true => checkpoint::load(tx, seq, key()).map(Some),
        false => Ok(None),
    });
    match loaded.transpose() {
        // Beside a running instance: its next checkpoint has replaced this one.
        None => tracing::info!(seq, "the checkpoint moved on while the journal was read"),
        Some(Ok(Some(loaded))) if loaded.hash() == book.hash() => {}
        Some(Ok(Some(_))) => {
            report.find("the checkpoint is not the book that the journal gives at its row".into())
        }
        Some(Ok(None)) => report.find("a row of the checkpoint cannot be read".into()),
        Some(Err(fault)) => report.find(format!("the checkpoint cannot be read: {fault}")),
    }
    Ok(())
}

/// The views beside what the journal gives, in the order of both.
struct Compared<'a> {
    views: &'a mut Db,
    stand: Progress,
    page: VecDeque<Entry>,
    after: i64,
    entries: u64,
    hours: BTreeMap<(u32, i64), [u64; 4]>,
    key: HashKey,
    /// Of tables that lie in another order than the journal: a keyed sum over all rows, equal for equal sets.
    reversals: BookHash,
    request_keys: BookHash,
    acts: BookHash,
    contexts: HashMap<u64, Context>,
    /// The views were written by an older program, and nothing in its journals says who asked.
    say_who_asked: bool,
    top_ups: HashMap<u64, TopUp>,
}

/// A top-up as the journal tells it.
struct TopUp {
    wallet: u64,
    amount: u64,
    started_at: i64,
    state: TopUpState,
    ended_at: Option<i64>,
}

impl<'a> Compared<'a> {
    fn new(views: &'a mut Db, stand: Progress, key: HashKey) -> Result<Self, Fault> {
        Ok(Compared {
            say_who_asked: say_who_asked(views)?,
            key,
            views,
            stand,
            page: VecDeque::new(),
            after: -1,
            entries: 0,
            hours: BTreeMap::new(),
            reversals: BookHash::default(),
            request_keys: BookHash::default(),
            acts: BookHash::default(),
            contexts: HashMap::new(),
            top_ups: HashMap::new(),
        })
    }

    /// What the views must say of a row of the journal.
    fn row(&mut self, report: &mut Report, row: &Committed) -> Result<(), Fault> {
        let at = row.at.0;
        for (n, act) in (0..).zip(&row.acts) {
            let context = act.by.map(|id| id.0);
            if let (Some(id), Some(definition)) = (context, act.context) {
                if definition.id().0 != id {
                    report.find(format!("row {} gives a context a false name", row.seq));
                }
                self.contexts.insert(id, definition);
            }
            let by = match context.map(|id| self.contexts.get(&id)) {
                Some(None) => {
                    report.find(format!(
                        "an act of row {} names a context that no row defines",
                        row.seq
                    ));
                    None
                }
                Some(defined) => defined.map(|defined| defined.by),
                None => None,
            };
            if let (Some(by), Some(listed)) = (by, Listed::of(act, row.seq, n, at)) {
                self.acts.add_row(&self.key, &listed.bytes(by));
            }
            for event in &act.events {
                self.event(event, row.seq, at);
                if let Some(entry) = Entry::of(event, row.seq, at, context) {
                    self.entry(report, &entry)?;
                }
            }
        }
        Ok(())
    }

    /// What the views say of an event beside its entry.
    fn event(&mut self, event: &Event, seq: u64, at: i64) {
        if seq <= self.stand.segment_seq {
            event.answers(&mut |key, _| {
                let row = key_row(slot(key.0), key.0 as u64, seq);
                self.request_keys.add_row(&self.key, &row);
            });
        }
        let (top_up, state) = match event {
            Event::TopUpStarted(started) => {
                let row = TopUp {
                    wallet: started.wallet.0,
                    amount: started.amount.minor(),
                    started_at: at,
                    state: TopUpState::Pending,
                    ended_at: None,
                };
                self.top_ups.insert(started.top_up.0, row);
                return;
            }
            Event::TopUpConfirmed(confirmed) => (confirmed.top_up, TopUpState::Succeeded),
            Event::TopUpFailed(failed) => (failed.top_up, failed.state()),
            _ => return,
        };
        if let Some(row) = self.top_ups.get_mut(&top_up.0) {
            (row.state, row.ended_at) = (state, Some(at));
        }
    }

    fn entry(&mut self, report: &mut Report, expected: &Entry) -> Result<(), Fault> {
        if self.page.is_empty() {
            self.page =
                read::entries_after(self.views, self.after, PAGE, self.say_who_asked)?.into();
        }
        report.compared += 1;
        self.entries += 1;
        let found = self
            .page
            .front()
            .filter(|found| found.id <= expected.id)
            .cloned();
        if let Some(found) = &found {
            self.after = found.id as i64;
            self.page.pop_front();
        }
        match found {
            Some(found) if found == *expected => {}
            Some(found) if found.id == expected.id => {
                report.find(format!(
                    "entry {} of the views is not what row {} of the journal says",
                    found.id, expected.seq
                ));
            }
            Some(found) => report.find(format!(
                "the views hold entry {}, which the journal does not",
                found.id
            )),
            None => report.find(format!(
                "the views lack entry {} of row {}",
                expected.id, expected.seq
            )),
        }
        let reversal = expected.kind.is_reversal();
        if reversal {
            let payment = expected.about.expect("a reversal is about a payment");
            let row = reversal_row([
                payment as i64,
                expected.id as i64,
                expected.amount as i64,
                expected.kind.number(),
            ]);
            self.reversals.add_row(&self.key, &row);
        }
        if let Some(store) = expected.store
            && (reversal || expected.kind.is_sale())
        {
            let sums = self
                .hours
                .entry((store, expected.at.div_euclid(3_600_000_000)))
                .or_default();
            let at = if reversal { 2 } else { 0 };
            sums[at] += 1;
            sums[at + 1] += expected.amount;
        }
        Ok(())
    }

    /// What is left over on either side.
    fn end(mut self, report: &mut Report) -> Result<(), Fault> {
        let applied = Param::Int(self.stand.applied_seq as i64);
        let held = self.views.query_first(
            "SELECT COUNT(*) FROM entries WHERE seq <= $1",
            &[applied],
            |row| row.int(0),
        )?;
        if held.unwrap_or(0) as u64 != self.entries {
            report.find(format!(
                "the views hold {} entries, the journal gives {}",
                held.unwrap_or(0),
                self.entries
            ));
        }
        // A server may have gone on meanwhile: sums are only compared when it has not.
        if read_progress(self.views)?.applied_seq != self.stand.applied_seq {
            return Ok(());
        }
        let mut found = BookHash::default();
        self.views.query(
            "SELECT payment, entry, amount, kind FROM reversals",
            &[],
            |row| {
                let row = reversal_row([row.int(0), row.int(1), row.int(2), row.int(3)]);
                found.add_row(&self.key, &row);
            },
        )?;
        if found != self.reversals {
            report.find("the reversals in the views are not those of the journal".into());
        }
        let mut found = BookHash::default();
        let mut wrong = false;
        if self.say_who_asked {
            acts::each(self.views, |row| found.add_row(&self.key, row))?;
            acts::each_context(self.views, |id, content| {
                let defined = self.contexts.remove(&id);
                wrong |= defined.is_none_or(|defined| acts::context_bytes(&defined) != content);
            })?;
        }
        if found != self.acts {
            report.find("the acts in the views are not those of the journal".into());
        }
        if wrong || !self.contexts.is_empty() {
            report.find("the contexts in the views are not those of the journal".into());
        }
        let mut found = BookHash::default();
        let whole = self.stand.segment_seq;
        request_keys::each(self.views, |slot, low, seq| {
            if seq <= whole {
                found.add_row(&self.key, &key_row(slot, low, seq));
            }
        })?;
        if found != self.request_keys {
            report.find("the request keys in the views are not those of the journal".into());
        }
        let mut wrong = Vec::new();
        read::each_top_up(self.views, |row| {
            let same = self.top_ups.remove(&row.id).is_some_and(|own| {
                (own.wallet, own.amount, own.state) == (row.wallet, row.amount, row.state)
                    && (own.started_at, own.ended_at) == (row.started_at, row.ended_at)
            });
            if !same {
                wrong.push(row.id);
            }
        })?;
        for id in wrong {
            report.find(format!(
                "top-up {id} of the views is not what the journal says"
            ));
        }
        for id in self.top_ups.keys() {
            report.find(format!("the views lack top-up {id}"));
        }
        let found: BTreeMap<(u32, i64), [u64; 4]> = read::store_hours(self.views, i64::MIN)?
            .into_iter()
            .map(|row| {
                (
                    (row.store, row.hour),
                    [row.payments, row.paid, row.reversals, row.reversed],
                )
            })
            .collect();
        report.compared += found.len() as u64;
        for (key, sums) in &self.hours {
            if found.get(key) != Some(sums) {
                report.find(format!(
                    "the sums of store {} in hour {} are not those of the journal",
                    key.0, key.1
                ));
            }
        }
        for key in found.keys().filter(|key| !self.hours.contains_key(key)) {
            report.find(format!(
                "the views hold sums of store {} in hour {} without a movement",
                key.0, key.1
            ));
        }
        Ok(())
    }
}

fn reversal_row(columns: [i64; 4]) -> Vec<u8> {
    columns
        .iter()
        .flat_map(|column| column.to_be_bytes())
        .collect()
}

/// Makes the views anew from the journal, and the checkpoint as far as one was due; a damaged file is set aside under a name of
/// `now`. The caller owns the store: no other process may be writing.
pub fn rebuild_views(
    location: &Location,
    master: &MasterKey,
    now: Timestamp,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<u64, Fault> {
    let chain = master.chain_key();
    let empty = || -> Result<Projector, Fault> {
        let mut projector = Projector::open(damage::open_or_make_anew(location, now)?)?;
        projector.start_over()?;
        Ok(projector)
    };
    let mut projector = match empty() {
        Err(fault) if fault.is_damaged_views() => {
            damage::set_aside(location, now)?;
            empty()?
        }
        emptied => emptied?,
    };
    let mut reader = JournalReader::open(location, 0)?;
    let head = reader.head()?;
    let mut book = Book::new(HashKey::new(master.book_hash_key().expose()));
    let mut rows = reader.chain(Head::EMPTY, &chain);
    let mut waiting = Vec::new();
    let mut changes = 0;
    loop {
        let row = rows.next().transpose()?;
        let ended = row.is_none();
        if let Some(row) = row {
            let committed = replay_row(&mut book, row.seq, Timestamp(row.at), &row.batch)?;
            book.forget_through(row.seq, 0, |_| {});
            changes += committed.event_count();
            waiting.push(committed);
        }
        if ended || changes >= 32_768 {
            projector.apply(&waiting)?;
            waiting.clear();
            changes = 0;
            progress(projector.progress().applied_seq, head.seq);
        }
        if ended {
            return Ok(projector.progress().applied_seq);
        }
    }
}
