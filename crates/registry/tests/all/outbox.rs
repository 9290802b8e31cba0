//! Everything that leaves the house leaves at least once, in order, and a rebuild sends nothing again.

use mamori_datastore::keys::{MasterKey, SealKey};
use mamori_datastore::sql::{Location, Param};
use mamori_datastore::testing::on_both;
use mamori_domain::event::Event;
use mamori_domain::identity::{Frozen, Unfrozen};
use mamori_domain::ids::WalletId;
use mamori_domain::world::Timestamp;
use mamori_registry::Seed;
use mamori_registry::outbox::{
    Counts, Delivery, Due, JournaledRow, Lane, Letter, NOTICES_PER_HOUR, OUTBOX, Outbox, Sorted,
    counts, dead,
};

const EARLY: Timestamp = Timestamp(1);
const SECOND: Timestamp = Timestamp::from_seconds(1);
const DAY: Timestamp = Timestamp::from_seconds(86_400);

fn seal() -> SealKey {
    MasterKey::from_bytes([3; 32]).wrap_key()
}

fn chance() -> Seed {
    Seed::new([8; 32])
}

fn open(location: &Location) -> Outbox {
    Outbox::open(location, seal()).unwrap()
}

/// Rows after `seq` in which wallet 1 is frozen, nothing happens, then 2 and 1 are freed in one row.
fn journal_after(seq: u64, epoch: u64) -> Vec<JournaledRow> {
    let (one, two) = (WalletId(1), WalletId(2));
    let rows = [
        vec![Event::from(Frozen { wallet: one })],
        vec![],
        vec![
            Unfrozen { wallet: two }.into(),
            Unfrozen { wallet: one }.into(),
        ],
    ];
    let rows = (seq + 1..).zip(rows).map(|(seq, events)| JournaledRow {
        seq,
        epoch,
        at: Timestamp(seq.cast_signed()),
        events,
    });
    rows.collect()
}

/// Takes in what was not taken in yet of a journal that ends with these rows.
fn follow(outbox: &mut Outbox, mut journal: Vec<JournaledRow>) {
    let head_seq = journal.last().map_or(0, |row| row.seq);
    let next_seq = outbox.next_seq(0, head_seq).unwrap();
    journal.retain(|row| row.seq >= next_seq);
    outbox.take_in(0, &journal).unwrap();
}

/// Delivers what is due and says what was sent.
fn send(outbox: &mut Outbox, now: Timestamp) -> Vec<String> {
    let mut sent = Vec::new();
    attempt(outbox, now, &mut |entry| {
        sent.push(match entry.key.origin {
            0 => format!(
                "{} {}",
                entry.kind,
                u64::from_be_bytes(entry.content[..].try_into().unwrap())
            ),
            _ => format!("{} {}", entry.kind, String::from_utf8_lossy(&entry.content)),
        });
        Delivery::Sent
    });
    sent
}

/// Sorts what is due (whose owners all have telephones) and lets each lane have its turn.
fn attempt(outbox: &mut Outbox, now: Timestamp, courier: &mut dyn FnMut(&Due) -> Delivery) {
    outbox
        .sort(now, 100, &chance(), &mut |_| Some(Lane::Sms.into()))
        .unwrap();
    for lane in Lane::ALL {
        outbox.deliver(lane, now, 100, courier).unwrap();
    }
}

/// A customer, or a thief with the phone, freezes and unfreezes without end.
#[test]
fn a_loop_of_freezing_costs_a_few_messages_an_hour_and_hides_nothing() {
    on_both(|location| {
        let mut outbox = open(location);
        let wallet = WalletId(1);
        let mut sent = Vec::new();
        for second in 0..200_i64 {
            let seq = second.unsigned_abs() + 1;
            let event = match second % 2 {
                0 => Event::from(Frozen { wallet }),
                _ => Unfrozen { wallet }.into(),
            };
            let at = Timestamp::from_seconds(1_000 + second);
            let (epoch, events) = (1, vec![event]);
            let row = JournaledRow {
                seq,
                epoch,
                at,
                events,
            };
            follow(&mut outbox, vec![row]);
            sent.extend(send(&mut outbox, at));
        }
        assert_eq!(sent.len() as i64, NOTICES_PER_HOUR);
        assert_eq!(&sent[..2], ["wallet_frozen 1", "wallet_unfrozen 1"]);
        // Another wallet's first notice goes at once.
        let other = JournaledRow {
            seq: 201,
            epoch: 1,
            at: Timestamp::from_seconds(1_200),
            events: vec![
                Frozen {
                    wallet: WalletId(2),
                }
                .into(),
            ],
        };
        follow(&mut outbox, vec![other]);
        assert_eq!(
            send(&mut outbox, Timestamp::from_seconds(1_200)),
            ["wallet_frozen 2"]
        );
        // An hour after the first the rest is told, each kind once, with how often it happened.
        let mut rest = Vec::new();
        attempt(
            &mut outbox,
            Timestamp::from_seconds(1_000 + 3_601),
            &mut |due| {
                rest.push((due.kind.clone(), due.times));
                Delivery::Sent
            },
        );
        assert_eq!(
            rest,
            [("wallet_frozen".into(), 97), ("wallet_unfrozen".into(), 97)]
        );
    });
}

/// What is told late is told in the order in which it last happened: the last message says how the wallet stands.
#[test]
fn the_last_of_the_late_messages_says_how_the_wallet_stands() {
    on_both(|location| {
        let mut outbox = open(location);
        let wallet = WalletId(1);
        // An odd number of turns: it ends frozen.
        for second in 0..51_i64 {
            let at = Timestamp::from_seconds(1_000 + second);
            let event = match second % 2 {
                0 => Event::from(Frozen { wallet }),
                _ => Unfrozen { wallet }.into(),
            };
            let row = JournaledRow {
                seq: second.unsigned_abs() + 1,
                epoch: 1,
                at,
                events: vec![event],
            };
            follow(&mut outbox, vec![row]);
            send(&mut outbox, at);
        }
        let late = Timestamp::from_seconds(1_000 + 3_601);
        assert_eq!(
            send(&mut outbox, late),
            ["wallet_unfrozen 1", "wallet_frozen 1"]
        );
    });
}

/// The courier has the first in hand when the wallet is freed and frozen again: the second is another message.
#[test]
fn what_happens_behind_a_message_that_is_on_its_way_is_told_by_another() {
    on_both(|location| {
        let mut outbox = open(location);
        let wallet = WalletId(1);
        for seq in 1..=3_u64 {
            let event = match seq % 2 {
                1 => Event::from(Frozen { wallet }),
                _ => Unfrozen { wallet }.into(),
            };
            let row = JournaledRow {
                seq,
                epoch: 1,
                at: Timestamp::from_seconds(1_000 + seq.cast_signed()),
                events: vec![event],
            };
            follow(&mut outbox, vec![row]);
        }
        let sent = send(&mut outbox, Timestamp::from_seconds(1_010));
        assert_eq!(
            sent,
            ["wallet_frozen 1", "wallet_unfrozen 1", "wallet_frozen 1"]
        );
    });
}

#[test]
fn what_the_journal_owes_is_sent_in_order_and_never_derived_twice() {
    on_both(|location| {
        let mut outbox = open(location);
        follow(&mut outbox, journal_after(0, 1));
        assert_eq!(
            send(&mut outbox, SECOND),
            ["wallet_frozen 1", "wallet_unfrozen 2", "wallet_unfrozen 1"]
        );
        assert_eq!(send(&mut outbox, SECOND), [""; 0]);

        // A start follows from its mark; what was sent is forgotten in time and stays sent.
        let mut outbox = open(location);
        assert_eq!(outbox.forget_sent(DAY).unwrap(), 3);
        follow(&mut outbox, journal_after(0, 1));
        assert_eq!(send(&mut outbox, SECOND), [""; 0]);

        // After a restore with an accepted loss the same seqs are other rows of a higher epoch.
        let mut outbox = open(location);
        let mut journal = journal_after(0, 1);
        journal.truncate(1);
        follow(&mut outbox, journal);
        follow(&mut outbox, journal_after(1, 2));
        let sent = send(&mut outbox, SECOND);
        assert_eq!(
            sent,
            ["wallet_frozen 1", "wallet_unfrozen 2", "wallet_unfrozen 1"]
        );
    });
}

#[test]
fn a_failure_is_tried_again_later_and_later_until_it_is_given_up() {
    on_both(|location| {
        let mut outbox = open(location);
        follow(&mut outbox, journal_after(0, 1));
        send(&mut outbox, Timestamp(2));
        let mut now = Timestamp(10);
        let mut instants = Vec::new();
        while let Some(next_at) = outbox.next_at().unwrap() {
            now = now.max(next_at);
            attempt(&mut outbox, now, &mut |_| {
                instants.push(now);
                Delivery::Later("the carrier is away")
            });
        }
        assert_eq!(
            instants.len(),
            32,
            "two entries of the last row, sixteen attempts each"
        );
        let pauses: Vec<i64> = instants
            .windows(2)
            .map(|pair| (pair[1].0 - pair[0].0) / 1_000_000)
            .collect();
        assert!(
            pauses.contains(&1) && pauses.contains(&64) && pauses.contains(&3_600),
            "{pauses:?}"
        );

        let mut db = location.open_read(&OUTBOX).unwrap();
        assert_eq!(
            counts(&mut db).unwrap(),
            Counts {
                waiting: 0,
                sent: 1,
                dead: 2
            }
        );
        let given_up = dead(&mut db, 10).unwrap();
        assert_eq!(
            (given_up[0].attempts, given_up[0].last_error.as_str()),
            (16, "the carrier is away")
        );

        assert!(outbox.revive(given_up[0].key, now).unwrap());
        assert!(!outbox.revive(given_up[0].key, now).unwrap());
        assert_eq!(send(&mut outbox, now).len(), 1);
    });
}

#[test]
fn one_that_fails_holds_up_no_other() {
    on_both(|location| {
        let mut outbox = open(location);
        outbox
            .enqueue("sms", b"first", [1; 12], EARLY, DAY)
            .unwrap();
        outbox
            .enqueue("sms", b"second", [2; 12], EARLY, DAY)
            .unwrap();
        outbox
            .deliver(Lane::Sms, EARLY, 1, &mut |_| Delivery::Later("busy"))
            .unwrap();
        assert_eq!(send(&mut outbox, EARLY), ["sms second"]);
        assert_eq!(send(&mut outbox, SECOND.plus_seconds(1)), ["sms first"]);
    });
}

#[test]
fn each_way_out_has_a_lane_of_its_own() {
    on_both(|location| {
        let mut outbox = open(location);
        outbox
            .enqueue("mail", b"a mail", [1; 12], EARLY, DAY)
            .unwrap();
        outbox
            .enqueue("sms", b"an sms", [2; 12], EARLY, DAY)
            .unwrap();
        follow(&mut outbox, journal_after(0, 1));
        let on = |outbox: &mut Outbox, lane, now| {
            let mut kinds = Vec::new();
            let sent = &mut |entry: &Due| {
                kinds.push(entry.kind.clone());
                Delivery::Sent
            };
            outbox.deliver(lane, now, 100, sent).unwrap();
            kinds
        };
        let now = Timestamp(5);
        assert_eq!(on(&mut outbox, Lane::Sms, now), ["sms"]);
        assert_eq!(on(&mut outbox, Lane::Mail, now), ["mail"]);

        // A notice waits until somebody knows how its reader is reached.
        let sorted = outbox.sort(now, 100, &chance(), &mut |_| None);
        assert_eq!(sorted.unwrap(), 0);
        let now = now.plus_seconds(1);
        let by_wallet = &mut |entry: &Due| match entry.content[7] {
            1 => Some(Lane::Mail.into()),
            _ => Some(Lane::Sms.into()),
        };
        assert_eq!(outbox.sort(now, 100, &chance(), by_wallet).unwrap(), 3);
        assert_eq!(on(&mut outbox, Lane::Sms, now), ["wallet_unfrozen"]);
        assert_eq!(
            on(&mut outbox, Lane::Mail, now),
            ["wallet_frozen", "wallet_unfrozen"]
        );
    });
}

#[test]
fn a_notice_goes_to_every_contact_of_its_reader_and_each_is_tried_by_itself() {
    on_both(|location| {
        let mut outbox = open(location);
        let mut journal = journal_after(0, 1);
        journal.truncate(1);
        follow(&mut outbox, journal);
        let to_three = &mut |_: &Due| {
            Some(Sorted {
                copies: vec![
                    Letter {
                        kind: "mail",
                        content: b"to the mail".to_vec(),
                    },
                    Letter {
                        kind: "sms",
                        content: b"to the other phone".to_vec(),
                    },
                ],
                ..Lane::Sms.into()
            })
        };
        let sorted = |outbox: &mut Outbox, lanes: &mut dyn FnMut(&Due) -> Option<Sorted>| {
            outbox.sort(SECOND, 100, &chance(), lanes).unwrap()
        };
        assert_eq!(sorted(&mut outbox, to_three), 1);
        assert_eq!(sorted(&mut outbox, to_three), 0, "no copy is made twice");
        let mut mails = Vec::new();
        let away = &mut |entry: &Due| {
            mails.push(String::from_utf8_lossy(&entry.content).into_owned());
            Delivery::Later("the mail server is away")
        };
        outbox.deliver(Lane::Mail, SECOND, 100, away).unwrap();
        assert_eq!(mails, ["to the mail"]);
        assert_eq!(
            send(&mut outbox, SECOND),
            ["wallet_frozen 1", "sms to the other phone"]
        );
        let later = SECOND.plus_seconds(2);
        assert_eq!(send(&mut outbox, later), ["mail to the mail"]);
        assert_eq!(send(&mut outbox, DAY), [""; 0]);
    });
}

#[test]
fn a_message_that_does_not_open_is_given_up_and_the_others_go_on() {
    on_both(|location| {
        let mut outbox = open(location);
        let broken = outbox
            .enqueue("sms", b"first", [1; 12], EARLY, DAY)
            .unwrap();
        outbox
            .enqueue("sms", b"second", [2; 12], EARLY, DAY)
            .unwrap();
        location
            .open(&OUTBOX)
            .unwrap()
            .execute(
                "UPDATE outbox SET content = $1 WHERE seq = $2",
                &[Param::Blob(b"not sealed by us"), Param::Int(broken.seq)],
            )
            .unwrap();
        assert_eq!(send(&mut outbox, EARLY), ["sms second"]);
        let given_up = dead(&mut location.open_read(&OUTBOX).unwrap(), 10).unwrap();
        assert_eq!(
            (given_up[0].key, given_up[0].last_error.as_str()),
            (broken, "the sealed message does not open")
        );
    });
}

#[test]
fn a_one_time_code_is_sealed_at_rest_wiped_once_sent_and_never_sent_late() {
    on_both(|location| {
        let mut outbox = open(location);
        let now = Timestamp::from_seconds(10);
        let sent = outbox
            .enqueue("sms", b"+8190 123456", [1; 12], now, now.plus_seconds(600))
            .unwrap();
        let late = outbox
            .enqueue("sms", b"+8190 654321", [2; 12], now, now.plus_seconds(600))
            .unwrap();
        assert_ne!(sent, late);
        let mut db = location.open_read(&OUTBOX).unwrap();
        let mut stored = || {
            db.query("SELECT content FROM outbox ORDER BY seq", &[], |row| {
                row.blob(0).to_vec()
            })
            .unwrap()
        };
        assert!(
            stored()
                .iter()
                .all(|content| !content.windows(4).any(|part| part == b"8190"))
        );

        outbox
            .deliver(Lane::Sms, now, 1, &mut |_| Delivery::Sent)
            .unwrap();
        assert_eq!(stored()[0], b"", "nothing is left of it");
        assert_eq!(send(&mut outbox, now.plus_seconds(600)), [""; 0]);
        assert_eq!(stored()[1], b"");
        let given_up = dead(&mut location.open_read(&OUTBOX).unwrap(), 10).unwrap();
        assert_eq!(given_up[0].last_error, "expired");
        assert!(
            !outbox.revive(late, now).unwrap(),
            "there is nothing left to send"
        );
    });
}

#[test]
fn a_number_is_never_used_for_two_entries() {
    on_both(|location| {
        let mut outbox = open(location);
        let first = outbox.enqueue("sms", b"a", [1; 12], EARLY, DAY).unwrap();
        send(&mut outbox, EARLY);
        outbox.forget_sent(DAY).unwrap();
        let second = outbox.enqueue("sms", b"b", [2; 12], EARLY, DAY).unwrap();
        assert!(second > first);
    });
}

#[test]
fn a_refused_message_is_given_up_at_once() {
    on_both(|location| {
        let mut outbox = open(location);
        outbox
            .enqueue("mail", b"to nobody", [1; 12], EARLY, DAY)
            .unwrap();
        outbox
            .deliver(Lane::Mail, EARLY, 10, &mut |_| {
                Delivery::Never("no such mailbox")
            })
            .unwrap();
        let mut db = location.open_read(&OUTBOX).unwrap();
        assert_eq!(
            counts(&mut db).unwrap(),
            Counts {
                waiting: 0,
                sent: 0,
                dead: 1
            }
        );
    });
}
