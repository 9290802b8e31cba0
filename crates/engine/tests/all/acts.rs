//! The list of acts: who did what, to whom, when; found by each of these without walking through the rest.

use mamori_datastore::sql::Location;
use mamori_datastore::testing::{Scratch, on_both};
use mamori_domain::command::{Command, CommandKind, Request};
use mamori_domain::context::{
    Actor, AgentFamily, Asker, Context, NetworkOrigin, PrefixKind, RequestId, SystemReason,
};
use mamori_domain::event::Subject;
use mamori_domain::ids::{
    Fingerprint, OperatorId, PaymentId, SessionId, StoreId, TillId, WalletId,
};
use mamori_domain::pay::Payer;
use mamori_domain::refusal::Refusal;
use mamori_domain::reply::Reply;
use mamori_domain::world::Timestamp;
use mamori_engine::Engine;
use mamori_engine::audit::{audit, rebuild_views};
use mamori_engine::engine::open_views;
use mamori_engine::views::VIEWS;
use mamori_engine::views::acts::{self, ActRow, Wanted};

use crate::engine::{
    SORA, by, charge, config, done, done_by, open, refund, shop_with_sora, with_key,
};

const DEVICE: Fingerprint = Fingerprint(9);

/// The customer, on a phone at home.
fn sora(wallet: WalletId) -> Asker {
    Asker::new(Context {
        by: Actor::Customer {
            wallet,
            session: SessionId(5),
            credential: Some(Fingerprint(1)),
            device: None,
        },
        network: Some(NetworkOrigin {
            hash: 17,
            prefix: PrefixKind::V4,
        }),
        agent: AgentFamily::SafariPhone,
    })
}

fn staff(session: u128) -> Asker {
    by(Actor::Operator {
        operator: OperatorId(3 << 64),
        session: SessionId(session),
    })
}

fn till() -> Asker {
    by(Actor::till(TillId(1), DEVICE))
}

/// An afternoon: a sale and a refund at the till, one sale too dear, a wallet frozen by its owner and by the staff.
fn afternoon(engine: &Engine) -> (WalletId, PaymentId) {
    let wallet = shop_with_sora(engine);
    let bind = Command::BindTill {
        till: TillId(1),
        device: Some(DEVICE),
    };
    done_by(engine, staff(1), bind);
    let Reply::Payment(paid) = done(engine, charge("p-1", Payer::Authorization(SORA), 1_200))
    else {
        panic!("a sale")
    };
    done_by(engine, till(), refund("r-1", paid.id, 200));
    let too_dear = charge("p-2", Payer::Authorization(SORA), 50_000);
    let refused = engine.ask(Request::command(with_key(), too_dear)).unwrap();
    assert_eq!(refused, Err(Refusal::BalanceTooSmall));
    let request = RequestId(0xA11CE);
    done_by(
        engine,
        sora(wallet).with_request(request),
        Command::Freeze { wallet },
    );
    done_by(engine, sora(wallet), Command::Unfreeze { wallet });
    done_by(engine, staff(1), Command::Freeze { wallet });
    done_by(engine, staff(2), Command::Unfreeze { wallet });
    engine.await_views().unwrap();
    (wallet, paid.id)
}

fn page(location: &Location, wanted: Wanted, before: Option<u64>, limit: u32) -> Vec<ActRow> {
    let mut views = open_views(location).unwrap();
    acts::list(&mut views, wanted, before, limit).unwrap()
}

fn all(location: &Location, wanted: Wanted) -> Vec<ActRow> {
    page(location, wanted, None, 10_000)
}

fn kinds(rows: &[ActRow]) -> Vec<&'static str> {
    rows.iter().map(|row| row.command.word()).collect()
}

#[test]
fn what_was_done_is_found_by_whom_and_by_who_did_it() {
    on_both(|location| {
        let engine = open(location);
        let (wallet, payment) = afternoon(&engine);
        engine.stop();

        let about = |subject| all(location, Wanted::Subject(subject));
        assert_eq!(
            kinds(&about(Subject::Wallet(wallet))),
            [
                "unfreeze",
                "freeze",
                "unfreeze",
                "freeze",
                "refund",
                "credit",
                "grant_authorization",
                "open_wallet"
            ],
            "newest first, and the payment is not among them"
        );
        assert_eq!(
            kinds(&about(Subject::Till(TillId(1)))),
            ["bind_till", "open_till"]
        );
        assert_eq!(kinds(&about(Subject::Store(StoreId(1)))), ["open_store"]);
        assert_eq!(about(Subject::Wallet(WalletId(999))), []);

        let of = |asker: Asker| all(location, Wanted::Actor(asker.by()));
        let own = of(sora(wallet));
        assert_eq!(kinds(&own), ["unfreeze", "freeze"]);
        assert_eq!(
            own[1].context,
            sora(wallet).context,
            "from where, and on what"
        );
        assert_eq!(own[1].request, RequestId(0xA11CE));
        assert_eq!(own[1].subject, Subject::Wallet(wallet));
        assert_eq!(
            kinds(&of(staff(7))),
            ["unfreeze", "freeze", "bind_till"],
            "whatever the session"
        );
        assert_eq!(kinds(&of(till())), ["refund"]);
        let upkeep = of(Asker::system(SystemReason::Upkeep));
        assert!(kinds(&upkeep).iter().all(|word| *word == "upkeep") && !upkeep.is_empty());
        assert_eq!(of(Asker::system(SystemReason::Restore)), []);

        let keys = of(with_key());
        assert_eq!(kinds(&keys), ["charge"], "the one that was refused");
        assert_eq!(
            keys[0].refusal.as_deref(),
            Some(Refusal::BalanceTooSmall.code())
        );

        // The payment stands in the wallet's history, and names who asked for it.
        let engine = open(location);
        let history = engine.history(wallet, None, 10).unwrap();
        let entry = history.iter().find(|entry| entry.id == payment.0).unwrap();
        let context = entry.context.unwrap();
        let told = engine.read(|reader| acts::context(reader.views(), context));
        assert_eq!(told.unwrap(), Some(with_key().context));
        engine.stop();
    });
}

#[test]
fn two_of_the_staff_whose_numbers_begin_alike_are_told_apart() {
    let scratch = Scratch::new("alike");
    let engine = open(&scratch.location());
    let wallet = shop_with_sora(&engine);
    let one = Actor::Operator {
        operator: OperatorId((3 << 64) + 1),
        session: SessionId(1),
    };
    done_by(&engine, by(one), Command::Freeze { wallet });
    done_by(&engine, staff(1), Command::Unfreeze { wallet });
    engine.stop();
    let of = |actor| kinds(&all(&scratch.location(), Wanted::Actor(actor)));
    assert_eq!(of(one), ["freeze"]);
    assert_eq!(of(staff(1).by()), ["unfreeze"]);
}

#[test]
fn a_list_of_acts_goes_on_where_its_last_page_ended() {
    on_both(|location| {
        let engine = open(location);
        let (wallet, _) = afternoon(&engine);
        engine.stop();
        let (everything, nothing) = ((i64::MIN, i64::MAX), (5, 5));
        let whole = all(location, Wanted::Between(everything.0, everything.1));
        assert!(whole.len() > 12 && whole.is_sorted_by(|newer, older| newer.id > older.id));
        assert_eq!(all(location, Wanted::Between(nothing.0, nothing.1)), []);
        // From an act's instant on, and before another's.
        let (from, to) = (whole[9].at, whole[2].at);
        let within: Vec<ActRow> = (whole.iter())
            .filter(|row| from <= row.at && row.at < to)
            .cloned()
            .collect();
        assert!(!within.is_empty());
        assert_eq!(all(location, Wanted::Between(from, to)), within);

        for wanted in [
            Wanted::Between(everything.0, everything.1),
            Wanted::Between(from, to),
            Wanted::Subject(Subject::Wallet(wallet)),
            Wanted::Actor(staff(1).by()),
            Wanted::Actor(Actor::system(SystemReason::CommandLine)),
        ] {
            let (mut pages, mut before) = (Vec::new(), None);
            loop {
                let next = page(location, wanted, before, 2);
                let Some(last) = next.last() else { break };
                before = Some(last.id);
                pages.extend(next);
            }
            assert_eq!(pages, all(location, wanted), "{wanted:?}");
            assert_eq!(page(location, wanted, Some(0), 2), []);
            assert_eq!(
                page(location, wanted, Some(u64::MAX), 2),
                pages[..2.min(pages.len())]
            );
        }
    });
}

#[test]
fn no_act_of_a_member_of_staff_is_hidden_behind_many_sessions() {
    let scratch = Scratch::new("sessions");
    let engine = open(&scratch.location());
    let wallet = shop_with_sora(&engine);
    for session in 0..300 {
        done_by(&engine, staff(session), Command::Freeze { wallet });
        done_by(
            &engine,
            staff(1_000 + session),
            Command::Unfreeze { wallet },
        );
    }
    engine.stop();
    let found = all(&scratch.location(), Wanted::Actor(staff(0).by()));
    assert_eq!(found.len(), 600);
    assert_eq!(found[0].context, staff(1_299).context);
}

#[test]
fn views_that_are_made_anew_tell_of_the_same_acts() {
    on_both(|location| {
        let engine = open(location);
        afternoon(&engine);
        engine.stop();
        let everything = Wanted::Between(i64::MIN, i64::MAX);
        let before = all(location, everything);
        let master = config(location).master;
        rebuild_views(location, &master, Timestamp(0), &mut |_, _| {}).unwrap();
        assert_eq!(all(location, everything), before);
        let report = audit(location, &master, &mut |_, _| {}).unwrap();
        assert!(report.is_clean(), "{:?}", report.findings);
    });
}

#[test]
fn an_act_whose_context_was_taken_out_of_the_views_is_a_fault_and_not_an_act_less() {
    on_both(|location| {
        let engine = open(location);
        let (wallet, _) = afternoon(&engine);
        engine.stop();
        let mut views = location.open(&VIEWS).unwrap();
        views.execute("DELETE FROM contexts", &[]).unwrap();
        let wanted = Wanted::Subject(Subject::Wallet(wallet));
        let fault = acts::list(&mut views, wanted, None, 10).unwrap_err();
        assert!(!fault.is_retryable(), "{fault}");
    });
}

#[test]
fn a_start_in_the_middle_of_an_actors_day_still_knows_who_asked() {
    // The context was defined in a row that the views have and that no start reads again.
    let scratch = Scratch::new("middle");
    let location = scratch.location();
    let engine = open(&location);
    let wallet = shop_with_sora(&engine);
    done_by(&engine, staff(1), Command::Freeze { wallet });
    engine.stop();
    let engine = open(&location);
    done_by(&engine, staff(1), Command::Unfreeze { wallet });
    done_by(&engine, staff(1), Command::Freeze { wallet });
    engine.stop();
    let found = all(&location, Wanted::Actor(staff(1).by()));
    assert_eq!(kinds(&found), ["freeze", "unfreeze", "freeze"]);
    assert!(found.iter().all(|row| row.command != CommandKind::Upkeep));
}
