//! A seal says which shape of the book it speaks of: one of another shape is passed over, one of this shape is compared.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use mamori_datastore::sql::{Location, Param};
use mamori_datastore::testing::on_both;
use mamori_domain::event::Event;
use mamori_domain::lifecycle::{BookShape, Sealed};
use mamori_domain::pay::Payer;
use mamori_engine::Engine;
use mamori_engine::audit::audit;
use mamori_engine::journal::batch::{SEAL_EVERY, begin_batch, decode_batch, encode_act};
use mamori_engine::journal::{Head, JOURNAL, JournalReader, JournalRow};
use mamori_engine::views::projector::read_progress;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};

use crate::engine::{SORA, balance, charge, config, done, open, shop_with_sora};

/// Writes the whole journal once more with other seals, each row linked to the one before as its owner would.
fn reseal(location: &Location, change: impl Fn(&mut Sealed)) {
    let chain = config(location).master.chain_key();
    let rows = JournalReader::open(location, 0)
        .unwrap()
        .read(1, 100_000)
        .unwrap();
    let mut db = location.open(&JOURNAL).unwrap();
    let (mut head, mut changed) = (Head::EMPTY, 0);
    for row in rows {
        let mut batch = Vec::new();
        begin_batch(&mut batch);
        for mut act in decode_batch(&row.batch).unwrap() {
            for event in &mut act.events {
                if let Event::Sealed(sealed) = event {
                    change(sealed);
                    changed += 1;
                }
            }
            encode_act(&mut batch, &act);
        }
        let row = JournalRow::after(&head, 0, row.epoch, row.at, batch, &chain);
        let updated = db.execute(
            "UPDATE journal SET prev_hash = $1, hash = $2, batch = $3 WHERE shard = 0 AND seq = $4",
            &[
                Param::Blob(&row.prev_hash),
                Param::Blob(&row.hash),
                Param::Blob(&row.batch),
                Param::Int(row.seq as i64),
            ],
        );
        assert_eq!(updated.unwrap(), 1);
        head = row.head();
    }
    assert!(changed > 0, "there was a seal");
}

/// Where the checkpoint stands that the views hold; zero for none.
fn checkpoint(location: &Location) -> u64 {
    let mut views = mamori_engine::engine::open_views(location).unwrap();
    read_progress(&mut views).unwrap().checkpoint_seq
}

fn is_clean(location: &Location) {
    let report = audit(location, &config(location).master, &mut |_, _| {}).unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
}

/// The warnings that are logged while `run` runs on this thread.
fn warnings_of<T>(run: impl FnOnce() -> T) -> (T, String) {
    struct Log(Arc<Mutex<String>>);
    struct Words<'a>(&'a mut String);
    impl Visit for Words<'_> {
        fn record_debug(&mut self, _: &Field, value: &dyn Debug) {
            write!(self.0, "{value:?} ").unwrap();
        }
    }
    impl tracing::Subscriber for Log {
        fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
            *metadata.level() <= tracing::Level::WARN
        }
        fn event(&self, event: &tracing::Event<'_>) {
            event.record(&mut Words(&mut self.0.lock().unwrap()));
        }
        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }
    let log = Arc::new(Mutex::new(String::new()));
    let ran = tracing::subscriber::with_default(Log(log.clone()), run);
    let log = log.lock().unwrap().clone();
    (ran, log)
}

#[test]
fn a_checkpoint_sealed_in_another_shape_is_not_believed_and_the_next_one_is() {
    on_both(|location| {
        let engine = open(location);
        let wallet = shop_with_sora(&engine);
        done(&engine, charge("p-1", Payer::Authorization(SORA), 1_200));
        engine.stop();
        // A book of the first shape, and one of a program that is newer than this.
        for shape in [BookShape(0), BookShape(BookShape::OURS.0 + 1)] {
            let stood = checkpoint(location);
            assert!(stood > 0);
            // Of a book whose rows encode to other bytes this program cannot even guess the hash.
            reseal(location, |sealed| {
                sealed.shape = shape;
                sealed.hash = Default::default();
            });
            is_clean(location);
            let (engine, log) = warnings_of(|| open(location));
            assert!(log.contains("everything is replayed"), "{log}");
            assert_eq!(checkpoint(location), 0, "it is thrown away");
            assert_eq!(balance(&engine, wallet), 8_800);
            engine.stop();
            is_clean(location);

            let next = checkpoint(location);
            assert!(
                next > stood,
                "the last word of a program is a seal of its own shape"
            );
            let (engine, log) = warnings_of(|| open(location));
            assert!(!log.contains("replayed"), "it is believed: {log}");
            assert_eq!(checkpoint(location), next);
            assert_eq!(balance(&engine, wallet), 8_800);
            engine.stop();
            is_clean(location);
        }
    });
}

#[test]
fn a_seal_in_its_turn_has_this_programs_shape_whatever_the_ones_before_had() {
    let scratch = mamori_datastore::testing::Scratch::new("turn");
    let location = scratch.location();
    let engine = open(&location);
    let wallet = shop_with_sora(&engine);
    engine.stop();
    reseal(&location, |sealed| sealed.shape = BookShape(0));
    let engine = open(&location);
    for number in 0..SEAL_EVERY {
        done(
            &engine,
            charge(&format!("p-{number}"), Payer::Authorization(SORA), 1),
        );
    }
    engine.stop();
    let rows = JournalReader::open(&location, 0)
        .unwrap()
        .read(SEAL_EVERY, 1)
        .unwrap();
    let acts = decode_batch(&rows[0].batch).unwrap();
    let Event::Sealed(sealed) = &acts[0].events[0] else {
        panic!("row {SEAL_EVERY} begins with a seal: {acts:?}")
    };
    assert_eq!(sealed.shape, BookShape::OURS);
    is_clean(&location);
    let (engine, log) = warnings_of(|| open(&location));
    assert_eq!(
        (log.as_str(), balance(&engine, wallet)),
        ("", 10_000 - SEAL_EVERY)
    );
    engine.stop();
}

#[test]
fn a_seal_of_this_shape_with_another_hash_stops_the_start() {
    on_both(|location| {
        let engine = open(location);
        shop_with_sora(&engine);
        engine.stop();
        reseal(location, |sealed| sealed.hash = Default::default());
        let fault = Engine::open(config(location)).map(drop).unwrap_err();
        assert!(!fault.is_retryable(), "{fault}");
        assert!(
            fault.to_string().contains("differs from the hash"),
            "{fault}"
        );
        let report = audit(location, &config(location).master, &mut |_, _| {}).unwrap();
        assert!(!report.is_clean());
    });
}
