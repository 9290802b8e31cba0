//! A restore that loses payments, as `mamori restore` does it: refused, accepted, failed half-way; on both kinds of store.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mamori::assembly::open_engine;
use mamori::datastore::FAMILIES;
use mamori::outside::{self, CLOCK};
use mamori::world::Failure;
use mamori_datastore::keys::MasterKey;
use mamori_datastore::sql::Location;
use mamori_datastore::testing::{Postgres, Scratch};
use mamori_domain::command::{Charge, Command, CreditKind, Request};
use mamori_domain::context::{Actor, AgentFamily, Asker, Context, SystemReason};
use mamori_domain::event::Event;
use mamori_domain::ids::{
    AuthorizationId, Fingerprint, IdSpace, MerchantId, PaymentId, ShardId, StoreId, TillId,
};
use mamori_domain::lifecycle::Purpose;
use mamori_domain::merchant::StoreDetails;
use mamori_domain::money::Amount;
use mamori_domain::pay::{OrderInfo, Payer};
use mamori_domain::reply::Reply;
use mamori_engine::Engine;
use mamori_engine::audit::audit;
use mamori_engine::backup;
use mamori_engine::journal::batch::decode_events;
use mamori_engine::journal::{Head, JournalReader};

const REGISTER: Fingerprint = Fingerprint(77);
const SORA: AuthorizationId = AuthorizationId(1001);

/// A datastore, its data directory, and backups of it.
struct Kept {
    scratch: Scratch,
    store: Option<String>,
}

impl Kept {
    fn new(store: Option<String>) -> Kept {
        let scratch = Scratch::new("loss");
        std::fs::create_dir(scratch.path().join("data")).unwrap();
        let kept = Kept { scratch, store };
        MasterKey::create(&kept.key_path(), [9; 32]).unwrap();
        kept
    }

    fn data(&self) -> PathBuf {
        self.scratch.path().join("data")
    }

    fn key_path(&self) -> PathBuf {
        self.data().join("master.key")
    }

    fn location(&self) -> Location {
        match &self.store {
            Some(store) => Location::parse(store).unwrap(),
            None => Location::Directory(self.data().join("store")),
        }
    }

    fn master(&self) -> Arc<MasterKey> {
        Arc::new(MasterKey::open(&self.key_path()).unwrap())
    }

    /// `mamori SUBCOMMAND ...` on this store.
    fn mamori(&self, words: &[&str]) -> Result<(), Failure> {
        let data = self.data();
        let mut line = words.to_vec();
        line.extend(["--data", data.to_str().unwrap()]);
        if let Some(store) = &self.store {
            line.extend(["--store", store]);
        }
        crate::mamori(line)
    }

    fn open(&self) -> Engine {
        open_engine(
            &self.location(),
            &self.master(),
            Purpose::Live,
            Default::default(),
            false,
            CLOCK,
            outside::chance,
        )
        .unwrap()
    }

    /// Opens a shop with a customer who has given it a permission, and pays there.
    fn begin(&self) {
        let location = self.location();
        for family in FAMILIES {
            drop(location.open(family).unwrap());
        }
        let engine = self.open();
        let operator = Asker::system(SystemReason::CommandLine);
        let done = |command| {
            let request = Request::command(operator, command);
            engine.ask(request).unwrap().unwrap()
        };
        let Reply::MerchantOpened(merchant) = done(Command::OpenMerchant) else {
            panic!()
        };
        let Reply::StoreOpened(store) = done(Command::OpenStore {
            merchant,
            details: StoreDetails::default(),
        }) else {
            panic!()
        };
        done(Command::OpenTill { store });
        done(Command::BindApiKey {
            key: REGISTER,
            merchant,
        });
        let credential = Fingerprint(1);
        let Reply::WalletOpened(wallet) = done(Command::OpenWallet {
            credential,
            device: None,
        }) else {
            panic!()
        };
        done(Command::GrantAuthorization {
            authorization: SORA,
            wallet,
            merchant,
        });
        done(Command::Credit {
            wallet,
            idempotency_key: "seed".into(),
            amount: Amount::yen(50_000),
            kind: CreditKind::Cash,
        });
        engine.stop();
    }

    /// A day at the register: one payment per name.
    fn pay(&self, names: &[&str]) -> BTreeSet<PaymentId> {
        let engine = self.open();
        let ids = names.iter().map(|name| pay(&engine, name)).collect();
        engine.stop();
        ids
    }

    fn back_up(&self, name: &str) -> PathBuf {
        let into = self.scratch.path().join(name);
        self.mamori(&["backup", "--into", into.to_str().unwrap()])
            .unwrap();
        into
    }

    fn restore(&self, from: &Path, accept_loss: bool) -> Result<(), Failure> {
        self.restore_knowing(from, accept_loss, None, None)
    }

    fn restore_knowing(
        &self,
        from: &Path,
        accept_loss: bool,
        known_head: Option<u64>,
        known_incarnation: Option<u16>,
    ) -> Result<(), Failure> {
        let (head, incarnation) = (
            known_head.map(|seq| seq.to_string()),
            known_incarnation.map(|number| number.to_string()),
        );
        let mut words = vec!["restore", "--from", from.to_str().unwrap()];
        words.extend(accept_loss.then_some("--accept-loss"));
        for (flag, value) in [
            ("--known-head", &head),
            ("--known-incarnation", &incarnation),
        ] {
            if let Some(value) = value {
                words.extend([flag, value]);
            }
        }
        self.mamori(&words)
    }

    fn head(&self) -> Head {
        let location = self.location();
        JournalReader::open(&location, 0).unwrap().head().unwrap()
    }

    /// The losses that the journal tells of: row, what was lost, the incarnation from there on.
    fn losses(&self) -> Vec<(u64, u64, u16)> {
        let location = self.location();
        let mut reader = JournalReader::open(&location, 0).unwrap();
        let mut losses = Vec::new();
        for row in reader.read(1, 1_000).unwrap() {
            for event in decode_events(&row.batch).unwrap() {
                if let Event::LossAccepted(loss) = event {
                    losses.push((row.seq, loss.lost_through, loss.ids.incarnation));
                }
            }
        }
        losses
    }

    fn is_clean(&self) {
        let report = audit(&self.location(), &self.master(), &mut |_, _| {}).unwrap();
        assert!(report.is_clean(), "{:?}", report.findings);
    }

    /// Every file below the data directory and what it holds, but for the index beside a log, which any reader makes anew.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.data()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if !path.to_string_lossy().ends_with("-shm") {
                    let bytes = std::fs::read(&path).unwrap();
                    files.insert(path, bytes);
                }
            }
        }
        files
    }
}

fn pay(engine: &Engine, name: &str) -> PaymentId {
    let charge = Command::Charge(Charge {
        merchant: MerchantId(1),
        merchant_payment_id: name.into(),
        payer: Payer::Authorization(SORA),
        amount: Amount::yen(300),
        store: Some(StoreId(1)),
        till: Some(TillId(1)),
        order: OrderInfo::default().into(),
    });
    let register = Asker::new(Context {
        by: Actor::Key { key: REGISTER },
        network: None,
        agent: AgentFamily::Program,
    });
    match engine
        .ask(Request::command(register, charge))
        .unwrap()
        .unwrap()
    {
        Reply::Payment(payment) => payment.id,
        other => panic!("{other:?}"),
    }
}

fn incarnations(ids: &BTreeSet<PaymentId>) -> BTreeSet<u64> {
    let first = |incarnation| {
        IdSpace {
            incarnation,
            shard: ShardId(0),
        }
        .id(0)
    };
    ids.iter().map(|id| id.0 / first(1)).collect()
}

#[test]
fn a_restore_that_loses_payments_is_refused_and_touches_nothing() {
    let kept = Kept::new(None);
    kept.begin();
    kept.pay(&["bread"]);
    let backup = kept.back_up("monday");
    kept.pay(&["milk", "tea"]);
    let (head, files) = (kept.head(), kept.files());

    let failure = kept.restore(&backup, false).unwrap_err().to_string();
    assert!(failure.contains("--accept-loss"), "{failure}");
    assert!(
        failure.contains(&format!("known_seq={}", head.seq)),
        "{failure}"
    );
    assert!(kept.files() == files, "nothing was touched");
    assert!(kept.losses().is_empty());
    kept.pay(&["rice"]);
    kept.is_clean();
}

#[test]
fn an_accepted_loss_is_journaled_before_the_backup_takes_the_store_s_place() {
    let kept = Kept::new(None);
    kept.begin();
    let before = kept.pay(&["bread"]);
    let backup = kept.back_up("monday");
    let backed_up = kept.head();
    let lost = kept.pay(&["milk", "tea"]);
    let known = kept.head();

    kept.restore(&backup, true).unwrap();
    // No process has opened the store since: the first one that does finds the loss there.
    let losses = kept.losses();
    assert_eq!(losses.len(), 1);
    let (row, lost_through, incarnation) = losses[0];
    assert!(row > backed_up.seq);
    assert_eq!((lost_through, incarnation), (known.seq, 1));
    assert!(!kept.data().join("restore.prepared").exists());
    kept.is_clean();

    // The registers send again what was lost, and it is charged anew, under ids that were never given out.
    let again = kept.pay(&["bread", "milk", "tea"]);
    assert_eq!(again.intersection(&before).count(), 1, "bread was not lost");
    assert_eq!(again.intersection(&lost).count(), 0);
    assert_eq!(incarnations(&again), [0, 1].into());
    kept.is_clean();

    // The same backup a second time: what was given out in between is lost as well, and never given out again.
    let lost_later = kept.pay(&["rice"]);
    kept.restore(&backup, true).unwrap();
    assert_eq!(kept.losses()[0].2, 2);
    let third = kept.pay(&["milk", "tea", "rice", "salt"]);
    for other in [&lost, &again, &lost_later] {
        assert_eq!(third.intersection(other).count(), 0);
    }
    kept.is_clean();
}

#[test]
fn a_backup_of_another_past_is_no_newer_for_being_longer() {
    let kept = Kept::new(None);
    kept.begin();
    let early = kept.back_up("monday");
    kept.pay(&["bread"]);
    for name in ["milk", "tea", "rice"] {
        kept.pay(&[name]);
    }
    let late = kept.back_up("tuesday");
    kept.restore(&early, true).unwrap();
    let after_the_loss = kept.pay(&["salt"]);
    assert!(kept.head().seq < backup::inspect(&late).unwrap().heads[0].1.seq);

    // Tuesday's backup has more rows than the store, but not the one that sold salt.
    let failure = kept.restore(&late, false).unwrap_err().to_string();
    assert!(failure.contains("--accept-loss"), "{failure}");
    kept.restore(&late, true).unwrap();
    let ids = kept.pay(&["pepper"]);
    assert_eq!(ids.intersection(&after_the_loss).count(), 0);
    assert_eq!(incarnations(&ids), [2].into());
    kept.is_clean();
}

#[test]
fn a_restore_that_fails_before_the_loss_is_journaled_leaves_the_store_as_it_was() {
    let kept = Kept::new(None);
    kept.begin();
    kept.pay(&["bread"]);
    let backup = kept.back_up("monday");
    kept.pay(&["milk"]);
    let key = kept.key_path();
    let right = std::fs::read(&key).unwrap();
    let others_may_read = || std::fs::Permissions::from_mode(0o644);
    let damaged = backup.join("control.sqlite");
    let whole = std::fs::read(&damaged).unwrap();

    type Trouble<'a> = (&'a str, &'a dyn Fn(), &'a dyn Fn());
    let troubles: [Trouble; 5] = [
        (
            "the key file is gone",
            &|| std::fs::remove_file(&key).unwrap(),
            &|| drop(MasterKey::create(&key, [9; 32]).unwrap()),
        ),
        (
            "others may read the key file",
            &|| std::fs::set_permissions(&key, others_may_read()).unwrap(),
            &|| std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap(),
        ),
        (
            "the key file holds something else",
            &|| std::fs::write(&key, "lost").unwrap(),
            &|| std::fs::write(&key, &right).unwrap(),
        ),
        (
            "the key is another store's",
            &|| {
                std::fs::remove_file(&key).unwrap();
                MasterKey::create(&key, [8; 32]).unwrap();
            },
            &|| std::fs::write(&key, &right).unwrap(),
        ),
        (
            "the backup is damaged",
            &|| std::fs::write(&damaged, &whole[1..]).unwrap(),
            &|| std::fs::write(&damaged, &whole).unwrap(),
        ),
    ];
    let (head, files) = (kept.head(), kept.files());
    for (trouble, begins, ends) in troubles {
        begins();
        assert!(kept.restore(&backup, true).is_err(), "{trouble}");
        ends();
        assert!(kept.files() == files, "something was touched: {trouble}");
    }
    assert_eq!(kept.head(), head);
    assert!(kept.losses().is_empty());
    kept.pay(&["rice"]);
    kept.is_clean();

    kept.restore(&backup, true).unwrap();
    kept.is_clean();
}

#[test]
fn a_loss_is_journaled_in_a_database_too() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let mut kept = Kept::new(Some(postgres.database_url()));
    kept.begin();
    kept.pay(&["bread"]);
    let backup = kept.back_up("monday");
    let lost = kept.pay(&["milk", "tea"]);
    let known = kept.head();

    assert!(kept.restore(&backup, false).is_err());
    let failure = kept.restore(&backup, true).unwrap_err().to_string();
    assert!(failure.contains("restore into an empty one"), "{failure}");
    assert_eq!(kept.head(), known, "a database is never restored over");

    kept.store = Some(postgres.database_url());
    let refused = kept.restore_knowing(&backup, false, Some(known.seq), None);
    assert!(refused.unwrap_err().to_string().contains("--accept-loss"));
    // The lost store's newest receipts began with 4: it had accepted losses before.
    kept.restore_knowing(&backup, true, Some(known.seq), Some(4))
        .unwrap();
    let losses = kept.losses();
    assert_eq!(losses.len(), 1);
    assert_eq!((losses[0].1, losses[0].2), (known.seq, 5));
    let again = kept.pay(&["milk", "tea"]);
    assert_eq!(again.intersection(&lost).count(), 0);
    assert_eq!(incarnations(&again), [5].into());
    kept.is_clean();
}
