//! Which notices a customer gets by which way, the browsers that are reached by push, and what is told that was not the owner.
//!
//! Notices of **safety** go to every contact, always (`contacts.rs`), and to every browser that takes push unless its owner turned that
//! off. Of **money** the customer chooses the ways. The last way to hear of safety stays: push cannot be turned off where no contact is left.
//!
//! | table | a row says |
//! |---|---|
//! | `notice_choices` | what the owner of a wallet has chosen; without one nothing of money is sent, and the journal is read no slower for it |
//! | `push_subscriptions` | notices go to this browser: a right, so the row proves itself; sealed with the key of its person |
//! | `notice_counts` | how many SMS about money have left; how many notices of one's own sign-ins |
//! | `denied_notices` | somebody with the link of a notice said "this was not me": for the operators, and once |
//!
//! The link of a notice has no row: it is made of the wallet, the instant and the kind under a key of the store, and so it can be in a
//! million messages and take no room.

use std::time::Duration;

use mamori_datastore::fault::Fault;
use mamori_datastore::keys::SealKey;
use mamori_datastore::sql::{Db, Param, Row, Tx};
use mamori_domain::context::AgentFamily;
use mamori_domain::event::Subject;
use mamori_domain::ids::{Fingerprint, WalletId};
use mamori_domain::world::Timestamp;
use minicbor::{Decode, Encode};

use crate::acts::{About, Noted, RegistryCommand};
use crate::authentic::{self, PEOPLE, PUSH_SUBSCRIPTIONS};
use crate::factors::OwnerId;
use crate::notice_facts::{NoticeFacts, Ways};
use crate::outbox::{self, NOTICE_LIFE};
use crate::seed::Seed;
use crate::{
    Numbered, RegistryKeys, Standing, at, instant_cell, opt_instant_cell, place, wallet_number,
};

/// How long the link of a notice works: longer than anything that it could have told of waits.
pub const NOT_ME_LIFE: Duration = Duration::from_secs(7 * 24 * 3_600);
/// SMS about money that one customer gets on a day, and all customers within an hour: each costs the operator.
pub const MONEY_SMS_PER_DAY: u64 = 10;
pub const MONEY_SMS_PER_HOUR_IN_ALL: u64 = 5_000;
/// Notices that a registry's own change makes for one wallet within an hour.
pub const OWN_NOTICES_PER_HOUR: u64 = 10;
/// Browsers of one person that take push; the one that was added first goes when there is one more.
pub const PUSH_SUBSCRIPTIONS_MAX: usize = 10;

const HOUR_SECONDS: i64 = 3_600;
const DAY_SECONDS: i64 = 86_400;

/// What the owner of a wallet has chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeChoices {
    pub money: Ways,
    /// Whether notices of safety go to browsers too. To contacts they always go.
    pub safety_push: bool,
    /// In which language; that of the sign-up where nothing was chosen.
    pub locale: Option<String>,
}

impl Default for NoticeChoices {
    /// Money by push, as soon as a browser takes it; mail and SMS are asked for.
    fn default() -> Self {
        NoticeChoices {
            money: Ways {
                push: true,
                ..Ways::NONE
            },
            safety_push: true,
            locale: None,
        }
    }
}

/// Names a subscription; not a secret.
pub type PushId = [u8; 16];

/// A browser that takes push, as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushBrowser {
    pub id: PushId,
    pub agent: AgentFamily,
    pub made_at: Timestamp,
    /// Which browser it is: equal to that of a session in the same one.
    pub browser: Fingerprint,
}

/// Where a browser is reached. Who has this can send to it as we do.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct PushAddress {
    #[n(0)]
    pub endpoint: String,
    #[cbor(n(1), with = "minicbor::bytes")]
    pub p256dh: Vec<u8>,
    #[cbor(n(2), with = "minicbor::bytes")]
    pub auth: [u8; 16],
}

impl std::fmt::Debug for PushAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PushAddress(..)")
    }
}

/// Why something stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeRefusal {
    /// There is no such thing.
    Unknown,
    /// No other way would be left to hear of what touches safety.
    LastWay,
}

/// What stands behind the `#` of a notice's link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotMe {
    pub wallet: WalletId,
    pub told_at: Timestamp,
}

/// The secret of a link: 8 bytes of the wallet, 4 of the minute, 16 of a keyed hash.
pub type NotMeSecret = [u8; 28];

impl RegistryKeys {
    fn not_me_mac(&self, head: &[u8]) -> [u8; 16] {
        let mac = self.pepper.mac(&[b"this was not me", head]);
        std::array::from_fn(|index| mac[index])
    }
}

/// That somebody said of a notice: this was not me.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeniedNotice {
    /// Names it; not a secret.
    pub id: [u8; 16],
    pub wallet: WalletId,
    pub told_at: Timestamp,
    pub denied_at: Timestamp,
    /// When the wallet stood still; None while that is on its way.
    pub frozen_at: Option<Timestamp>,
    /// When an operator has closed it.
    pub seen_at: Option<Timestamp>,
}

/// The notices of customers.
pub struct Notices<'a> {
    pub(crate) db: &'a mut Db,
    pub(crate) keys: &'a RegistryKeys,
}

const OF_WALLET: &str = "WHERE wallet = $1 ORDER BY made_at, subscription";

impl Notices<'_> {
    /// What the owner of a wallet has chosen.
    pub fn choices(&mut self, wallet: WalletId) -> Result<NoticeChoices, Fault> {
        let number = wallet_number(wallet)?;
        let chosen = self.db.query_first(
            "SELECT money, safety, locale FROM notice_choices WHERE wallet = $1",
            &[Param::Int(number)],
            |row| NoticeChoices {
                money: Ways::of_bits(row.int(0)),
                safety_push: row.int(1) & 1 != 0,
                locale: row.opt_text(2).map(str::to_owned),
            },
        )?;
        Ok(chosen.unwrap_or_default())
    }

    /// Chooses, and notes who did.
    pub fn choose(
        &mut self,
        wallet: WalletId,
        choices: &NoticeChoices,
        noted: &Noted,
    ) -> Result<Result<(), NoticeRefusal>, Fault> {
        let number = wallet_number(wallet)?;
        self.db.transaction(|tx| {
            if !choices.safety_push && !has_a_contact(tx, number)? {
                return Ok(Err(NoticeRefusal::LastWay));
            }
            let begins = hears_nothing(tx, number)?.then_some(noted.now);
            write_choices(tx, number, choices, begins)?;
            let about = About::Ledger(Subject::Wallet(wallet));
            noted.write(tx, RegistryCommand::ChooseNotices, about)?;
            Ok(Ok(()))
        })
    }

    /// From now on notices go to this browser, in place of what was kept of it before.
    pub fn add_push(
        &mut self,
        (person, wallet): (&OwnerId, WalletId),
        address: &PushAddress,
        (browser, agent): (Fingerprint, AgentFamily),
        noted: &Noted,
        seed: &Seed,
    ) -> Result<Result<(), NoticeRefusal>, Fault> {
        let (keys, number) = (self.keys, wallet_number(wallet)?);
        let id: PushId = seed.take("push subscription");
        let index = keys
            .pepper
            .mac(&[b"push endpoint", address.endpoint.as_bytes()]);
        let which = browser.0.to_be_bytes();
        self.db.transaction(|tx| {
            let Some(key) = person_key(tx, keys, &person.0)? else {
                return Ok(Err(NoticeRefusal::Unknown));
            };
            let known = tx.query_first(
                "SELECT 1 FROM push_subscriptions WHERE endpoint_index = $1 AND person = $2",
                &[Param::Blob(&index), Param::Blob(&person.0)],
                |row| row.int(0),
            )?;
            let begins = hears_nothing(tx, number)?.then_some(noted.now);
            // An address belongs to one browser, and the browser to whoever is signed in there now.
            tx.execute(
                "DELETE FROM push_subscriptions WHERE endpoint_index = $1 OR (person = $2 AND browser = $3)",
                &[Param::Blob(&index), Param::Blob(&person.0), Param::Blob(&which)],
            )?;
            let others = tx.query(
                "SELECT subscription FROM push_subscriptions WHERE person = $1 ORDER BY made_at DESC, subscription",
                &[Param::Blob(&person.0)],
                |row| row.bytes::<16>(0),
            )?;
            for beyond in others.iter().skip(PUSH_SUBSCRIPTIONS_MAX - 1) {
                let gone = "DELETE FROM push_subscriptions WHERE subscription = $1";
                tx.execute(gone, &[Param::Blob(beyond)])?;
            }
            let plain = minicbor::to_vec(address).expect("memory takes all");
            let sealed = key.seal(
                place("push_subscriptions", "address", &id),
                seed.take("push nonce"),
                &plain,
            );
            let cells = [
                ("subscription", Param::Blob(&id)),
                ("person", Param::Blob(&person.0)),
                ("wallet", Param::Int(number)),
                ("endpoint_index", Param::Blob(&index)),
                ("address", Param::Blob(&sealed)),
                ("browser", Param::Blob(&which)),
                ("agent", Param::Int(agent.number())),
                ("made_at", at(noted.now)),
            ];
            authentic::insert(tx, &keys.rows, &PUSH_SUBSCRIPTIONS, &cells)?;
            let chosen = choices_in(tx, number)?.unwrap_or_default();
            write_choices(tx, number, &chosen, begins)?;
            // A browser that comes again with the address it had is no news.
            if known.is_none() {
                let about = About::Ledger(Subject::Wallet(wallet));
                noted.write(tx, RegistryCommand::AddPush, about)?;
                let facts = NoticeFacts { agent: Some(agent), ..NoticeFacts::of(wallet, noted.now) };
                tell(tx, &keys.wrap, "push_added", &facts, seed)?;
            }
            Ok(Ok(()))
        })
    }

    /// Browsers of a wallet's owner that take push, the oldest first. Rows that do not prove themselves are passed over.
    pub fn push_browsers(&mut self, wallet: WalletId) -> Result<Vec<PushBrowser>, Fault> {
        let (keys, number) = (self.keys, wallet_number(wallet)?);
        self.db.snapshot(|tx| {
            let which = [Param::Int(number)];
            authentic::select_proven(
                tx,
                &keys.rows,
                &PUSH_SUBSCRIPTIONS,
                OF_WALLET,
                &which,
                |row| PushBrowser {
                    id: row.bytes(0),
                    browser: Fingerprint(u128::from_be_bytes(row.bytes(5))),
                    agent: agent_cell(row, 6).unwrap_or_default(),
                    made_at: instant_cell(row, 7),
                },
            )
        })
    }

    /// Where one of them is reached; None where it is no more.
    pub fn push_address(&mut self, id: &PushId) -> Result<Option<PushAddress>, Fault> {
        let keys = self.keys;
        self.db.snapshot(|tx| {
            let which = "WHERE subscription = $1";
            let params = [Param::Blob(id)];
            let found = authentic::select_proven(
                tx,
                &keys.rows,
                &PUSH_SUBSCRIPTIONS,
                which,
                &params,
                |row| (row.bytes::<16>(1), row.blob(4).to_vec()),
            )?;
            let Some((person, sealed)) = found.into_iter().next() else {
                return Ok(None);
            };
            let Some(key) = person_key(tx, keys, &person)? else {
                return Ok(None);
            };
            let plain = key.open(place("push_subscriptions", "address", id), &sealed)?;
            let address = minicbor::decode(&plain);
            address
                .map(Some)
                .map_err(|_| Fault::broken("a sealed push address is none"))
        })
    }

    /// The owner takes a browser off.
    pub fn remove_push(
        &mut self,
        wallet: WalletId,
        id: &PushId,
        noted: &Noted,
    ) -> Result<Result<(), NoticeRefusal>, Fault> {
        let number = wallet_number(wallet)?;
        self.db.transaction(|tx| {
            let theirs = [Param::Blob(id), Param::Int(number)];
            let is_there = tx.query_first(
                "SELECT 1 FROM push_subscriptions WHERE subscription = $1 AND wallet = $2",
                &theirs,
                |row| row.int(0),
            )?;
            if is_there.is_none() {
                return Ok(Err(NoticeRefusal::Unknown));
            }
            let others = tx.query_first(
                "SELECT 1 FROM push_subscriptions WHERE subscription <> $1 AND wallet = $2",
                &theirs,
                |row| row.int(0),
            )?;
            if others.is_none() && !has_a_contact(tx, number)? {
                return Ok(Err(NoticeRefusal::LastWay));
            }
            tx.execute(
                "DELETE FROM push_subscriptions WHERE subscription = $1 AND wallet = $2",
                &theirs,
            )?;
            touch_choices(tx, number)?;
            let about = About::Ledger(Subject::Wallet(wallet));
            noted.write(tx, RegistryCommand::RemovePush, about)?;
            Ok(Ok(()))
        })
    }

    /// The push service knows a browser no more.
    pub fn forget_push(&mut self, id: &PushId) -> Result<(), Fault> {
        self.forget_where("WHERE subscription = $1", &[Param::Blob(id)])
    }

    /// Whoever is signed out of a browser gets no notices there.
    pub fn forget_browser(&mut self, person: &OwnerId, browser: Fingerprint) -> Result<(), Fault> {
        let which = browser.0.to_be_bytes();
        let params = [Param::Blob(&person.0), Param::Blob(&which)];
        self.forget_where("WHERE person = $1 AND browser = $2", &params)
    }

    /// The same for all browsers of a person but one, or all of them.
    pub fn forget_browsers(
        &mut self,
        person: &OwnerId,
        but: Option<Fingerprint>,
    ) -> Result<(), Fault> {
        let which = but.map_or([0; 16], |browser| browser.0.to_be_bytes());
        let params = [Param::Blob(&person.0), Param::Blob(&which)];
        self.forget_where("WHERE person = $1 AND browser <> $2", &params)
    }

    fn forget_where(&mut self, which: &'static str, params: &[Param]) -> Result<(), Fault> {
        let found = format!("SELECT wallet FROM push_subscriptions {which}");
        let wallets = self.db.query(&found, params, |row| row.int(0))?;
        if wallets.is_empty() {
            return Ok(());
        }
        let gone = format!("DELETE FROM push_subscriptions {which}");
        self.db.transaction(|tx| {
            tx.execute(&gone, params)?;
            wallets
                .iter()
                .try_for_each(|wallet| touch_choices(tx, *wallet))
        })
    }

    /// Counts one SMS about money; false where the budget of the customer's day or of everybody's hour is spent.
    pub fn take_money_sms(&mut self, wallet: WalletId, now: Timestamp) -> Result<bool, Fault> {
        self.db.transaction(|tx| {
            let own = format!("sms {wallet}");
            Ok(count(tx, &own, now, DAY_SECONDS)? <= MONEY_SMS_PER_DAY
                && count(tx, "sms", now, HOUR_SECONDS)? <= MONEY_SMS_PER_HOUR_IN_ALL)
        })
    }

    /// A notice of the registry's own: it goes where notices of safety go. False where there were [`OWN_NOTICES_PER_HOUR`] of them.
    pub fn tell(
        &mut self,
        kind: &'static str,
        facts: &NoticeFacts,
        seed: &Seed,
    ) -> Result<bool, Fault> {
        let keys = self.keys;
        self.db
            .transaction(|tx| tell(tx, &keys.wrap, kind, facts, seed))
    }

    /// What a store and its merchant are called.
    pub fn shop(&mut self, facts: &NoticeFacts) -> Result<Option<String>, Fault> {
        let mut names = Vec::new();
        if let Some(merchant) = facts.merchant {
            let sql = "SELECT name FROM merchants WHERE merchant = $1";
            let of = [Param::Int(i64::from(merchant.0))];
            names.extend(
                self.db
                    .query_first(sql, &of, |row| row.text(0).to_owned())?,
            );
        }
        if let Some(store) = facts.store {
            let sql = "SELECT name FROM stores WHERE store = $1";
            let of = [Param::Int(i64::from(store.0))];
            names.extend(
                self.db
                    .query_first(sql, &of, |row| row.text(0).to_owned())?,
            );
        }
        Ok((!names.is_empty()).then(|| names.join(" ")))
    }

    /// The secret of a notice's link.
    pub fn not_me_secret(&self, not_me: &NotMe) -> NotMeSecret {
        let minute = u32::try_from(not_me.told_at.seconds().div_euclid(60)).unwrap_or(0);
        let mut secret = [0; 28];
        secret[..8].copy_from_slice(&not_me.wallet.0.to_be_bytes());
        secret[8..12].copy_from_slice(&minute.to_be_bytes());
        let mac = self.keys.not_me_mac(&secret[..12]);
        secret[12..].copy_from_slice(&mac);
        secret
    }

    /// What a secret stands for, if this store made it not longer ago than [`NOT_ME_LIFE`].
    pub fn read_not_me(&self, secret: &NotMeSecret, now: Timestamp) -> Option<NotMe> {
        use subtle::ConstantTimeEq as _;
        let (head, mac) = secret.split_at(12);
        if !bool::from(self.keys.not_me_mac(head).ct_eq(mac)) {
            return None;
        }
        let wallet = WalletId(u64::from_be_bytes(head[..8].try_into().ok()?));
        let minute = i64::from(u32::from_be_bytes(head[8..].try_into().ok()?));
        let told_at = Timestamp::from_seconds(minute * 60);
        // A clock that ran back must not lengthen the time.
        (told_at <= now && now < told_at.plus(NOT_ME_LIFE)).then_some(NotMe { wallet, told_at })
    }

    /// First step of "this was not me": a record for the operators. None where this notice was answered so before, and the wallet stood still.
    pub fn deny(
        &mut self,
        not_me: &NotMe,
        secret: &NotMeSecret,
        now: Timestamp,
    ) -> Result<Option<[u8; 16]>, Fault> {
        let number = wallet_number(not_me.wallet)?;
        let hash = self.keys.pepper.mac(&[b"denied notice", secret]);
        let id: [u8; 16] = std::array::from_fn(|index| hash[index]);
        self.db.transaction(|tx| {
            let which = [Param::Blob(&id)];
            let frozen_at = tx.query_first(
                "SELECT frozen_at FROM denied_notices WHERE notice = $1",
                &which,
                |row| opt_instant_cell(row, 0),
            )?;
            match frozen_at {
                Some(Some(_)) => Ok(None),
                Some(None) => Ok(Some(id)),
                None => {
                    tx.execute(
                        "INSERT INTO denied_notices (notice, wallet, told_at, denied_at) VALUES ($1, $2, $3, $4)",
                        &[Param::Blob(&id), Param::Int(number), at(not_me.told_at), at(now)],
                    )?;
                    Ok(Some(id))
                }
            }
        })
    }

    /// Last step: the wallet stands still.
    pub fn denied(&mut self, id: &[u8; 16], now: Timestamp) -> Result<(), Fault> {
        let done =
            "UPDATE denied_notices SET frozen_at = $1 WHERE notice = $2 AND frozen_at IS NULL";
        self.db.execute(done, &[at(now), Param::Blob(id)]).map(drop)
    }

    /// Those whose freeze was cut off by a crash.
    pub fn denials_under_way(&mut self, before: Timestamp) -> Result<Vec<DeniedNotice>, Fault> {
        self.db.query(
            "SELECT notice, wallet, told_at, denied_at, frozen_at, seen_at FROM denied_notices
             WHERE frozen_at IS NULL AND denied_at <= $1 ORDER BY denied_at LIMIT 100",
            &[at(before)],
            denied_notice,
        )
    }

    /// Those that no operator has closed, newest first.
    pub fn open_denials(&mut self, limit: u32) -> Result<Vec<DeniedNotice>, Fault> {
        self.db.query(
            "SELECT notice, wallet, told_at, denied_at, frozen_at, seen_at FROM denied_notices
             WHERE seen_at IS NULL ORDER BY denied_at DESC, notice LIMIT $1",
            &[Param::Int(i64::from(limit))],
            denied_notice,
        )
    }

    /// An operator closes one. False where it is not there, or closed before.
    pub fn close_denial(&mut self, id: &[u8; 16], noted: &Noted) -> Result<bool, Fault> {
        self.db.transaction(|tx| {
            let wallet = tx.query_first(
                "SELECT wallet FROM denied_notices WHERE notice = $1 AND seen_at IS NULL",
                &[Param::Blob(id)],
                |row| WalletId(row.int(0).unsigned_abs()),
            )?;
            let Some(wallet) = wallet else {
                return Ok(false);
            };
            tx.execute(
                "UPDATE denied_notices SET seen_at = $1 WHERE notice = $2",
                &[at(noted.now), Param::Blob(id)],
            )?;
            let about = About::Ledger(Subject::Wallet(wallet));
            noted.write(tx, RegistryCommand::CloseDeniedNotice, about)?;
            Ok(true)
        })
    }

    /// Forgets counts of days that are over; returns how many.
    pub fn sweep(&mut self, now: Timestamp) -> Result<u64, Fault> {
        self.db.execute(
            "DELETE FROM notice_counts WHERE name IN (SELECT name FROM notice_counts WHERE ends_at <= $1 AND ends_at > 0 LIMIT 500)",
            &[at(now)],
        )
    }
}

/// Puts a notice of the registry's own into the outbox, in the transaction of what it tells of.
pub(crate) fn tell(
    tx: &mut Tx,
    wrap: &SealKey,
    kind: &'static str,
    facts: &NoticeFacts,
    seed: &Seed,
) -> Result<bool, Fault> {
    let name = format!("own {}", facts.wallet);
    if count(tx, &name, facts.at, HOUR_SECONDS)? > OWN_NOTICES_PER_HOUR {
        return Ok(false);
    }
    let sealing = (wrap, seed.take(&format!("notice {kind}")));
    let content = facts.to_bytes();
    let ends_at = facts.at.plus(NOTICE_LIFE);
    outbox::enqueue_in(tx, sealing, (kind, &content), facts.at, ends_at)?;
    Ok(true)
}

/// Whoever is signed out of every browser gets no notices in any of them.
pub(crate) fn forget_push_of(
    tx: &mut Tx,
    person: &[u8; 16],
    wallet: WalletId,
) -> Result<(), Fault> {
    let gone = "DELETE FROM push_subscriptions WHERE person = $1";
    tx.execute(gone, &[Param::Blob(person)])?;
    touch_choices(tx, wallet_number(wallet)?)
}

/// Forgets what was kept of a person who is erased. The row of choices stays, empty: it is how the reader of the journal hears of it.
pub(crate) fn forget_person(tx: &mut Tx, person: &[u8; 16], wallet: i64) -> Result<(), Fault> {
    let gone = "DELETE FROM push_subscriptions WHERE person = $1";
    tx.execute(gone, &[Param::Blob(person)])?;
    if choices_in(tx, wallet)?.is_some() {
        let nothing = NoticeChoices {
            money: Ways::NONE,
            ..NoticeChoices::default()
        };
        write_choices(tx, wallet, &nothing, None)?;
    }
    Ok(())
}

/// Counts one more within the present span; answers with how many there are now.
fn count(tx: &mut Tx, name: &str, now: Timestamp, span_seconds: i64) -> Result<u64, Fault> {
    let ends_at = (now.seconds().div_euclid(span_seconds) + 1) * span_seconds;
    let counted = tx.query_first(
        "INSERT INTO notice_counts (name, ends_at, times) VALUES ($1, $2, 1)
         ON CONFLICT (name) DO UPDATE SET
             times = CASE WHEN notice_counts.ends_at = excluded.ends_at THEN notice_counts.times + 1 ELSE 1 END,
             ends_at = excluded.ends_at
         RETURNING times",
        &[Param::Text(name), at(Timestamp::from_seconds(ends_at))],
        |row| row.int(0),
    )?;
    Ok(counted.unwrap_or(1).unsigned_abs())
}

/// The number of a change of choices: each is greater than all before, and becomes visible after them.
fn next_change(tx: &mut Tx) -> Result<i64, Fault> {
    let change = tx.query_first(
        "INSERT INTO notice_counts (name, ends_at, times) VALUES ('changes', 0, 1)
         ON CONFLICT (name) DO UPDATE SET times = notice_counts.times + 1 RETURNING times",
        &[],
        |row| row.int(0),
    )?;
    Ok(change.unwrap_or(1))
}

fn choices_in(tx: &mut Tx, wallet: i64) -> Result<Option<NoticeChoices>, Fault> {
    tx.query_first(
        "SELECT money, safety, locale FROM notice_choices WHERE wallet = $1",
        &[Param::Int(wallet)],
        |row| NoticeChoices {
            money: Ways::of_bits(row.int(0)),
            safety_push: row.int(1) & 1 != 0,
            locale: row.opt_text(2).map(str::to_owned),
        },
    )
}

/// Whether nothing of money is sent to the owner of a wallet, by whatever way.
fn hears_nothing(tx: &mut Tx, wallet: i64) -> Result<bool, Fault> {
    let ways = tx.query_first(
        "SELECT money, EXISTS (SELECT 1 FROM push_subscriptions p WHERE p.wallet = c.wallet) FROM notice_choices c WHERE wallet = $1",
        &[Param::Int(wallet)],
        |row| {
            let ways = Ways::of_bits(row.int(0));
            Ways { push: ways.push && row.flag(1), ..ways }
        },
    )?;
    Ok(ways.is_none_or(|ways| ways == Ways::NONE))
}

/// `begins` is when the owner begins to hear of money, where that is now.
fn write_choices(
    tx: &mut Tx,
    wallet: i64,
    choices: &NoticeChoices,
    begins: Option<Timestamp>,
) -> Result<(), Fault> {
    let change = next_change(tx)?;
    tx.execute(
        "INSERT INTO notice_choices (wallet, money, safety, locale, changed, since) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (wallet) DO UPDATE SET money = excluded.money, safety = excluded.safety, locale = excluded.locale,
             changed = excluded.changed, since = CASE WHEN excluded.since = 0 THEN notice_choices.since ELSE excluded.since END",
        &[
            Param::Int(wallet),
            Param::Int(choices.money.bits()),
            Param::Int(i64::from(choices.safety_push)),
            choices.locale.as_deref().map_or(Param::Null, Param::Text),
            Param::Int(change),
            begins.map_or(Param::Int(0), at),
        ],
    )
    .map(drop)
}

/// The reader of the journal looks at a wallet again.
fn touch_choices(tx: &mut Tx, wallet: i64) -> Result<(), Fault> {
    let change = next_change(tx)?;
    let touched = "UPDATE notice_choices SET changed = $1 WHERE wallet = $2";
    tx.execute(touched, &[Param::Int(change), Param::Int(wallet)])
        .map(drop)
}

/// Whether the owner of a wallet has a confirmed contact.
fn has_a_contact(tx: &mut Tx, wallet: i64) -> Result<bool, Fault> {
    let found = tx.query_first(
        "SELECT 1 FROM contacts c JOIN people p ON p.person = c.person
         WHERE p.wallet = $1 AND p.status = $2 AND c.removed_at IS NULL LIMIT 1",
        &[Param::Int(wallet), Standing::Active.param()],
        |row| row.int(0),
    )?;
    Ok(found.is_some())
}

/// The key of a living person's data.
fn person_key(
    tx: &mut Tx,
    keys: &RegistryKeys,
    person: &[u8; 16],
) -> Result<Option<SealKey>, Fault> {
    let living = "WHERE person = $1 AND status = $2";
    let params = [Param::Blob(person), Standing::Active.param()];
    let found = authentic::select(tx, &keys.rows, &PEOPLE, living, &params, |row| {
        row.opt_blob(4).map(<[u8]>::to_vec)
    })?;
    let wrapped = found.into_iter().next().flatten();
    let of_person = place("people", "field_key", person);
    wrapped
        .map(|wrapped| keys.wrap.unwrap(of_person, &wrapped))
        .transpose()
}

fn agent_cell(row: &Row, column: usize) -> Option<AgentFamily> {
    let number = row.int(column);
    AgentFamily::ALL
        .into_iter()
        .find(|family| family.number() == number)
}

fn denied_notice(row: &Row) -> DeniedNotice {
    DeniedNotice {
        id: row.bytes(0),
        wallet: WalletId(row.int(1).unsigned_abs()),
        told_at: instant_cell(row, 2),
        denied_at: instant_cell(row, 3),
        frozen_at: opt_instant_cell(row, 4),
        seen_at: opt_instant_cell(row, 5),
    }
}
