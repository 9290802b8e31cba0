//! How a customer is reached, and that nobody who has the wallet for a moment can cut its owner off. On both databases.

use std::cell::RefCell;

use mamori_datastore::keys::MasterKey;
use mamori_datastore::sql::{Location, Param};
use mamori_datastore::testing::on_both;
use mamori_domain::context::{Actor, AgentFamily, Asker, Context};
use mamori_domain::event::Subject;
use mamori_domain::ids::{SessionId, WalletId};
use mamori_domain::world::Timestamp;
use mamori_registry::acts::{Noted, Wanted};
use mamori_registry::outbox::{Delivery, Lane, Letter, Outbox};
use mamori_registry::{
    CHANGES_PER_DAY, CONTROL, Contact, ContactChange, ContactId, ContactNews, ContactRefusal,
    Enrolment, OwnerId, Registry, Rows, Seed, StoredPasskey, Told, UndoSecret,
};

const START: Timestamp = Timestamp::from_seconds(1_800_000_000);
const SORA: OwnerId = OwnerId([3; 16]);
const WALLET: WalletId = WalletId(1);
const PHONE: &str = "+819012345678";
const MAIL: &str = "sora@example.jp";

fn master() -> MasterKey {
    MasterKey::from_bytes([1; 32])
}

fn contact(text: &str) -> Contact {
    Contact::parse(text).expect("a contact")
}

/// What a letter told, and whom.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Read {
    to: String,
    news: ContactNews,
    about: String,
    secret: Option<UndoSecret>,
}

/// Sora's account, opened with her phone, and a clock that is moved.
struct House {
    registry: Registry,
    outbox: Outbox,
    letters: RefCell<Vec<Read>>,
    now: Timestamp,
    turns: u8,
}

impl House {
    fn open(location: &Location) -> House {
        let mut house = House {
            outbox: Outbox::open(location, master().wrap_key()).expect("the outbox opens"),
            registry: Registry::open(location, &master()).expect("the registry opens"),
            letters: RefCell::default(),
            now: START,
            turns: 0,
        };
        house.enrol(SORA, WALLET, PHONE);
        house
    }

    fn enrol(&mut self, person: OwnerId, wallet: WalletId, reached_at: &str) {
        let passkey = StoredPasskey {
            credential: person.0.to_vec(),
            passkey: "{}".into(),
            sign_count: 0,
        };
        let enrolment = Enrolment {
            person,
            contact: &contact(reached_at),
            locale: "ja",
            display_name: "さくら",
            passkey: &passkey,
            agent: AgentFamily::Unknown,
        };
        let mut people = self.registry.people();
        let begun = people.begin_enrolment(&enrolment, self.now, &Seed::new(passkey_seed(person)));
        begun.expect("the registry answers").expect("free");
        people
            .finish_enrolment(&person, wallet)
            .expect("the registry answers");
    }

    fn pass(&mut self, hours: i64) {
        self.now = self.now.plus_seconds(hours * 3_600);
    }

    /// No two changes are of one instant.
    fn noted(&mut self) -> Noted {
        self.turns += 1;
        self.now = self.now.plus_seconds(1);
        let by = Actor::Customer {
            wallet: WALLET,
            session: SessionId(7),
            credential: None,
            device: None,
        };
        Noted {
            asker: Asker::new(Context {
                by,
                network: None,
                agent: AgentFamily::Safari,
            }),
            now: self.now,
            id: [self.turns; 16],
        }
    }

    fn change(&mut self, change: &ContactChange) -> Result<(), ContactRefusal> {
        let noted = self.noted();
        let seed = Seed::new([self.turns; 32]);
        let words = |told: &Told| write(&self.letters, told);
        let mut contacts = self.registry.contacts();
        let changed = contacts.change(&SORA, change, &noted, &seed, &words);
        changed.expect("the registry answers")
    }

    #[track_caller]
    fn add(&mut self, text: &str) {
        self.change(&ContactChange::Add(&contact(text)))
            .expect("granted");
    }

    #[track_caller]
    fn remove(&mut self, text: &str) {
        let id = self.id(text);
        self.change(&ContactChange::Remove(id)).expect("granted");
    }

    #[track_caller]
    fn prefer(&mut self, text: &str) {
        let id = self.id(text);
        self.change(&ContactChange::Prefer(id)).expect("granted");
    }

    fn undo(&mut self, secret: &UndoSecret) -> bool {
        let noted = self.noted();
        let seed = Seed::new([self.turns; 32]);
        let words = |told: &Told| write(&self.letters, told);
        let mut contacts = self.registry.contacts();
        let undone = contacts.undo(secret, |_| noted, self.now, &seed, &words);
        undone.expect("the registry answers")
    }

    #[track_caller]
    fn id(&mut self, text: &str) -> ContactId {
        let known = self.registry.contacts().of(&SORA, self.now);
        let known = known.expect("the registry answers");
        let found = known
            .into_iter()
            .find(|known| known.contact.as_str() == text);
        found.expect("one of hers").id
    }

    fn sweep(&mut self) -> u64 {
        let swept = self.registry.contacts().sweep(self.now);
        swept.expect("the registry answers")
    }

    /// As her page lists them, the oldest first: `*` stands behind the preferred one, `(..)` around what was removed.
    fn list(&mut self) -> Vec<String> {
        let known = self.registry.contacts().of(&SORA, self.now);
        let shown = known
            .expect("the registry answers")
            .into_iter()
            .map(|known| {
                let mark = if known.is_preferred { "*" } else { "" };
                match known.removed_at {
                    None => format!("{}{mark}", known.contact.as_str()),
                    Some(_) => format!("({})", known.contact.as_str()),
                }
            });
        shown.collect()
    }

    /// Where a notice of a freeze goes.
    fn told_of_a_freeze(&mut self) -> Vec<String> {
        let reached = self.registry.contacts().reached(WALLET, self.now);
        let reached = reached.expect("the registry answers").expect("she lives");
        let contacts = reached.contacts.iter();
        contacts
            .map(|contact| contact.as_str().to_owned())
            .collect()
    }

    /// The letters since the last look; the outbox holds as many.
    fn letters(&mut self) -> Vec<Read> {
        let mut carried = 0;
        for lane in Lane::ALL {
            let sent = self.outbox.deliver(lane, self.now, 100, &mut |due| {
                carried += 1;
                assert_eq!(due.content, b"words");
                Delivery::Sent
            });
            sent.expect("the outbox answers");
        }
        let letters = self.letters.take();
        assert_eq!(letters.len(), carried, "every letter is under way");
        letters
    }

    /// The secret that this contact was told with the last change.
    fn secret_of(&mut self, text: &str) -> Option<UndoSecret> {
        let letters = self.letters();
        let own = letters.iter().find(|letter| letter.to == text);
        own.expect("it was told").secret
    }
}

fn passkey_seed(person: OwnerId) -> [u8; 32] {
    std::array::from_fn(|index| person.0[index % 16])
}

fn write(letters: &RefCell<Vec<Read>>, told: &Told) -> Letter {
    letters.borrow_mut().push(Read {
        to: told.to.as_str().into(),
        news: told.news,
        about: told.about.as_str().into(),
        secret: told.secret.copied(),
    });
    let kind = if told.to.as_str().contains('@') {
        "mail"
    } else {
        "sms"
    };
    Letter {
        kind,
        content: b"words".to_vec(),
    }
}

#[test]
fn a_contact_more_counts_at_once_and_everybody_who_was_there_before_is_told() {
    on_both(|location| {
        let mut house = House::open(location);
        assert_eq!(house.list(), [format!("{PHONE}*")]);
        house.add(MAIL);
        assert_eq!(house.list(), [format!("{PHONE}*"), MAIL.into()]);
        assert_eq!(house.told_of_a_freeze(), [PHONE, MAIL]);
        let letters = house.letters();
        let told: Vec<_> = (letters.iter())
            .map(|letter| {
                (
                    &*letter.to,
                    letter.news,
                    &*letter.about,
                    letter.secret.is_some(),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                (PHONE, ContactNews::Added, MAIL, true),
                (MAIL, ContactNews::Added, MAIL, false),
            ],
            "only who was there before may undo it"
        );
        house.prefer(MAIL);
        assert_eq!(house.list(), [PHONE.into(), format!("{MAIL}*")]);
        let letters = house.letters();
        let told: Vec<_> = (letters.iter())
            .map(|letter| (&*letter.to, letter.secret.is_some()))
            .collect();
        assert_eq!(told, [(PHONE, true), (MAIL, false)]);
        house.prefer(MAIL);
        assert_eq!(house.letters(), [], "nothing has changed");
    });
}

#[test]
fn a_removed_contact_is_told_of_everything_for_three_days_and_is_then_forgotten() {
    on_both(|location| {
        let mut house = House::open(location);
        house.add(MAIL);
        house.letters();
        house.pass(100);
        house.remove(PHONE);
        assert_eq!(house.list(), [format!("({PHONE})"), format!("{MAIL}*")]);
        assert_eq!(house.told_of_a_freeze(), [PHONE, MAIL]);
        house.letters();
        house.pass(71);
        house.add("umi@example.jp");
        assert_eq!(house.letters().len(), 3, "the removed one too");
        assert_eq!(house.sweep(), 1, "the first adding");
        house.pass(1);
        assert_eq!(house.list(), [format!("{MAIL}*"), "umi@example.jp".into()]);
        assert_eq!(house.told_of_a_freeze(), [MAIL, "umi@example.jp"]);
        assert_eq!(house.sweep(), 2);
        // The number is free for somebody else, who may have it by now.
        house.enrol(OwnerId([8; 16]), WalletId(2), PHONE);
    });
}

#[test]
fn a_thief_with_the_passkey_cannot_cut_the_owner_off() {
    on_both(|location| {
        let thiefs = "thief@example.com";
        let mut house = House::open(location);
        house.add(MAIL);
        house.letters();
        house.pass(100);
        house.add(thiefs);
        let of_adding = house.secret_of(PHONE).expect("the owner may undo it");
        house.prefer(thiefs);
        house.remove(PHONE);
        house.remove(MAIL);
        assert_eq!(
            house.list(),
            [
                format!("({PHONE})"),
                format!("({MAIL})"),
                format!("{thiefs}*")
            ]
        );
        let letters = house.letters();
        let thiefs_secrets = letters.iter().filter(|letter| letter.to == thiefs);
        let brings_back = |letter: &Read| letter.news == ContactNews::Removed;
        assert!(
            thiefs_secrets
                .filter(|letter| letter.secret.is_some())
                .all(brings_back),
            "a newcomer may bring an old one back, and nothing else"
        );
        house.pass(71);
        // One letter is enough: the newcomer goes, and whom it pushed out is there again.
        assert!(house.undo(&of_adding));
        assert_eq!(house.list(), [format!("{PHONE}*"), MAIL.into()]);
        let letters = house.letters();
        let told: Vec<_> = (letters.iter())
            .map(|letter| (&*letter.to, letter.news, letter.secret))
            .collect();
        assert_eq!(
            told,
            [PHONE, MAIL, thiefs].map(|to| (to, ContactNews::AdditionUndone, None))
        );
        assert!(!house.undo(&of_adding), "once");
    });
}

#[test]
fn a_newcomer_that_is_removed_cannot_bring_itself_back() {
    on_both(|location| {
        let mut house = House::open(location);
        house.add(MAIL);
        house.letters();
        house.remove(MAIL);
        let letters = house.letters();
        let told: Vec<_> = (letters.iter())
            .map(|letter| (&*letter.to, letter.secret.is_some()))
            .collect();
        assert_eq!(told, [(PHONE, true), (MAIL, false)]);
        assert_eq!(house.told_of_a_freeze(), [PHONE], "it hears nothing more");
        // Its owner can still put it back, in the wallet.
        let id = house.id(MAIL);
        house.change(&ContactChange::PutBack(id)).expect("granted");
        assert_eq!(house.list(), [format!("{PHONE}*"), MAIL.into()]);
        assert!(house.letters().iter().all(|letter| letter.secret.is_none()));
    });
}

#[test]
fn a_removal_is_undone_by_its_letter_once_and_within_three_days() {
    on_both(|location| {
        let mut house = House::open(location);
        house.add(MAIL);
        house.letters();
        house.pass(100);
        house.remove(PHONE);
        let secret = house.secret_of(PHONE).expect("it had settled");
        assert!(!house.undo(&[99; 32]), "another secret");
        house.pass(71);
        assert!(house.undo(&secret));
        assert_eq!(
            house.list(),
            [format!("{PHONE}*"), MAIL.into()],
            "as it was"
        );
        assert!(!house.undo(&secret), "once");
        house.letters();

        house.remove(PHONE);
        let secret = house.secret_of(MAIL).expect("all who stay may undo it");
        house.pass(72);
        assert!(!house.undo(&secret), "too late");
        assert_eq!(house.list(), [format!("{MAIL}*")]);
    });
}

#[test]
fn what_was_put_back_in_the_wallet_is_not_undone_by_an_old_letter() {
    on_both(|location| {
        let mut house = House::open(location);
        house.add(MAIL);
        house.letters();
        house.remove(PHONE);
        let secret = house.secret_of(PHONE).expect("it had settled");
        let id = house.id(PHONE);
        house.change(&ContactChange::PutBack(id)).expect("granted");
        house.letters();
        assert!(!house.undo(&secret));
        assert_eq!(house.list(), [PHONE.into(), format!("{MAIL}*")]);
    });
}

#[test]
fn where_notices_go_is_undone_and_brings_the_one_back_that_was_preferred() {
    on_both(|location| {
        let mut house = House::open(location);
        house.add(MAIL);
        house.letters();
        house.prefer(MAIL);
        let secret = house.secret_of(PHONE).expect("the older one may");
        house.remove(PHONE);
        assert!(house.undo(&secret));
        assert_eq!(house.list(), [format!("{PHONE}*"), MAIL.into()]);
    });
}

#[test]
fn every_refusal_says_why_and_changes_nothing() {
    on_both(|location| {
        let mut house = House::open(location);
        let umis = "umi@example.jp";
        house.enrol(OwnerId([8; 16]), WalletId(2), umis);
        let phone = house.id(PHONE);
        let unknown = ContactId([9; 16]);
        for (change, refusal) in [
            (ContactChange::Remove(phone), ContactRefusal::LastOne),
            (ContactChange::Remove(unknown), ContactRefusal::Unknown),
            (ContactChange::Prefer(unknown), ContactRefusal::Unknown),
            (ContactChange::PutBack(phone), ContactRefusal::Unknown),
            (ContactChange::Add(&contact(PHONE)), ContactRefusal::Yours),
            (ContactChange::Add(&contact(umis)), ContactRefusal::Taken),
        ] {
            let may = house.registry.contacts().may(&SORA, &change, START);
            let may = may.expect("the registry answers");
            assert_eq!(may, Err(refusal), "{change:?}");
            assert_eq!(house.change(&change), Err(refusal), "{change:?}");
        }
        for number in 2..=5 {
            house.add(&format!("sora{number}@example.jp"));
        }
        let sixth = contact("sora6@example.jp");
        assert_eq!(
            house.change(&ContactChange::Add(&sixth)),
            Err(ContactRefusal::TooMany)
        );
        house.remove("sora5@example.jp");
        assert_eq!(
            house.change(&ContactChange::Add(&sixth)),
            Err(ContactRefusal::TooMany),
            "one that may come back keeps its place"
        );
        let removed = contact("sora5@example.jp");
        assert_eq!(
            house.change(&ContactChange::Add(&removed)),
            Err(ContactRefusal::Yours)
        );
        assert_eq!(house.letters().len(), 2 + 3 + 4 + 5 + 5);
        house.pass(72);
        house
            .change(&ContactChange::Add(&sixth))
            .expect("room again");
    });
}

#[test]
fn ten_changes_a_day_and_a_letter_undoes_all_the_same() {
    on_both(|location| {
        let mut house = House::open(location);
        house.add(MAIL);
        let mut secret = house.secret_of(PHONE);
        for turn in 1..CHANGES_PER_DAY {
            house.prefer(if turn % 2 == 1 { MAIL } else { PHONE });
            secret = house.secret_of(PHONE);
        }
        assert_eq!(house.list(), [PHONE.into(), format!("{MAIL}*")]);
        let phone = house.id(PHONE);
        assert_eq!(
            house.change(&ContactChange::Prefer(phone)),
            Err(ContactRefusal::TooOften)
        );
        assert!(house.undo(&secret.expect("the phone may")));
        assert_eq!(house.list(), [format!("{PHONE}*"), MAIL.into()]);
        house.pass(24);
        house.prefer(MAIL);
    });
}

#[test]
fn who_changed_what_stands_in_the_list_of_acts_masked_and_sealed() {
    on_both(|location| {
        let mut house = House::open(location);
        house.add(MAIL);
        let secret = house.secret_of(PHONE).expect("the older one may");
        house.undo(&secret);
        let wanted = Wanted::Subject(Subject::Wallet(WALLET));
        let acts = house.registry.acts().list(wanted, None, 10);
        let acts = acts.expect("the registry answers");
        let details = house.registry.contacts().details(&acts);
        let details = details.expect("the registry answers");
        let mut shown: Vec<_> = (acts.iter())
            .map(|act| {
                (
                    act.command.word(),
                    &*details[&act.id].contact,
                    details[&act.id].is_undoing,
                )
            })
            .collect();
        shown.sort_unstable();
        assert_eq!(
            shown,
            [
                ("add_contact", "s***@example.jp", false),
                ("remove_contact", "s***@example.jp", true)
            ]
        );
        let mut db = location.open(&CONTROL).expect("the same tables");
        let stored = db.query("SELECT detail FROM registry_acts", &[], |row| {
            row.blob(0).to_vec()
        });
        let readable = |stored: &Vec<u8>| stored.windows(7).any(|part| part == b"example");
        assert!(!stored.expect("read").iter().any(readable));

        house
            .registry
            .erasures()
            .begin(WALLET, house.now)
            .expect("the registry answers");
        let details = house.registry.contacts().details(&acts);
        let details = details.expect("the registry answers");
        assert!(details.is_empty(), "gone with the person");
        for table in ["contacts", "contact_changes"] {
            let rows = db.query_first(&format!("SELECT COUNT(*) FROM {table}"), &[], |row| {
                row.int(0)
            });
            assert_eq!(rows.expect("read"), Some(0), "{table}");
        }
        let left = db.query_first(
            "SELECT COUNT(*) FROM registry_acts WHERE detail IS NOT NULL",
            &[],
            |row| row.int(0),
        );
        assert_eq!(left.expect("read"), Some(0));
    });
}

#[test]
fn a_contact_of_somebody_who_has_none_is_the_first_and_preferred() {
    on_both(|location| {
        let mut house = House::open(location);
        let mut db = location.open(&CONTROL).expect("the same tables");
        db.execute("DELETE FROM contacts", &[]).expect("written");
        house.add(MAIL);
        assert_eq!(house.list(), [format!("{MAIL}*")]);
        assert_eq!(house.letters().len(), 1);
        // It is as good as one of a sign-up: the next one can be undone by it.
        house.add("umi@example.jp");
        assert!(house.secret_of(MAIL).is_some());
    });
}

/// Proofs are taken away so that the next start may give them anew: it gives them to what an older program wrote, and to nothing else.
#[test]
fn a_contact_whose_proof_was_taken_away_does_not_get_another_one() {
    on_both(|location| {
        let mut house = House::open(location);
        house.add(MAIL);
        house.letters();
        let mut db = location.open(&CONTROL).expect("the same tables");
        let taken = "UPDATE contacts SET proof = NULL, contact_id = person";
        db.execute(taken, &[]).expect("written");
        let proven = house.registry.contacts().prove_sealed(&mut |_| {});
        assert_eq!(proven.expect("the registry answers"), 0);
        assert_eq!(house.list(), [""; 0]);
        let forgeries = house.registry.forgeries(Rows::OfCustomers).expect("read");
        assert_eq!(forgeries.len(), 2);
        // Nor does the one that is left when the other is taken away: its seal has another name.
        db.execute(
            "DELETE FROM contacts WHERE preferred = $1",
            &[Param::Int(0)],
        )
        .expect("written");
        let proven = house.registry.contacts().prove_sealed(&mut |_| {});
        assert_eq!(proven.expect("the registry answers"), 0);
    });
}
