//! Customers choose how they are told what, and whoever gets a notice says "this was not me".
//!
//! | step of saying so | where it is written | if the answer is lost |
//! |---|---|---|
//! | what the secret of the link stands for | read | nothing happened |
//! | a record for the operators | registry | pressed again: it is there already |
//! | freeze the wallet | ledger | pressed again; or `reconcile.rs` does it |
//! | all sessions of the owner end | registry | pressed again |
//! | the record says that the wallet stands still | registry | pressed again |
//!
//! It gives no session and no factor, and starts nothing: only the owner's strong factor lets the wallet pay again. Used once, a link is
//! used up: whoever finds it later cannot stop a wallet that its owner has started again.

use mamori_datastore::fault::Fault;
use mamori_domain::command::{Command, Request};
use mamori_domain::context::{Actor, Asker, Context, SystemReason};
use mamori_domain::ids::WalletId;
use mamori_domain::world::Timestamp;
use mamori_engine::Engine;
use mamori_registry::{
    NotMeSecret, NoticeChoices, NoticeFacts, NoticeRefusal, OwnerId, PushAddress, PushId, Registry,
    SessionDevice, Surface,
};

use crate::ledger::Run;
use crate::session;
use crate::stop::{Denied, Flow};
use crate::templates::{NoticeKind, Template};

/// The page where somebody says "this was not me", on the wallet's origin; the secret stands behind its `#`.
pub const NOT_ME_PAGE: &str = "/not-me";

/// Somebody with the secret of a notice's link says that it was not them: the wallet stands still before its next authorisation.
/// `signed_out` hears whose sessions have ended.
pub fn not_me(run: &mut Run, secret: &NotMeSecret, signed_out: impl FnOnce(&OwnerId)) -> Flow<()> {
    let mut notices = run.registry.notices();
    let not_me = notices
        .read_not_me(secret, run.now)
        .ok_or(Denied::NoticeLink)?;
    let id = notices.deny(&not_me, secret, run.now)?;
    let id = id.ok_or(Denied::NoticeLink)?;
    let wallet = not_me.wallet;
    // In the journal's words: the link of a notice, from this network and browser.
    let context = Context {
        by: Actor::system(SystemReason::NoticeDenied),
        ..run.asker.context
    };
    run.asker = Asker::new(context).with_request(run.asker.request);
    run.ask(Command::Freeze { wallet })??;
    if let Some(owner) = run.registry.people().of_wallet(wallet)? {
        let ended: Result<_, Fault> = session::end_all(run, Surface::Wallet, &owner.person);
        signed_out(&owner.person);
        ended?;
    }
    run.registry.notices().denied(&id, run.now)?;
    tracing::warn!(
        wallet = wallet.0,
        "a notice was answered with: this was not me"
    );
    Ok(())
}

/// Freezes the wallets of those whose answer was cut off by a crash.
pub(crate) fn settle(
    engine: &Engine,
    registry: &mut Registry,
    before: Timestamp,
) -> Result<(), Fault> {
    for denied in registry.notices().denials_under_way(before)? {
        let asker = Asker::system(SystemReason::NoticeDenied);
        let freeze = Command::Freeze {
            wallet: denied.wallet,
        };
        // A wallet that is not there any more needs no freezing.
        let _ = engine.ask(Request::command(asker, freeze))?;
        registry.notices().denied(&denied.id, denied.denied_at)?;
    }
    Ok(())
}

/// Chooses how the owner of a wallet is told what.
pub fn choose(run: &mut Run, wallet: WalletId, choices: &NoticeChoices) -> Flow<()> {
    let noted = run.noted();
    let chosen = run.registry.notices().choose(wallet, choices, &noted)?;
    Ok(chosen.map_err(denied)?)
}

/// From now on notices go to this browser.
pub fn add_push(
    run: &mut Run,
    whose: (&OwnerId, WalletId),
    address: &PushAddress,
    device: &SessionDevice,
) -> Flow<()> {
    let noted = run.noted();
    let browser = device.browser.ok_or(Denied::Unexpected)?;
    let added = (run.registry.notices()).add_push(
        whose,
        address,
        (browser, device.agent),
        &noted,
        run.seed,
    )?;
    added.map_err(denied)?;
    tracing::info!("a browser takes push messages");
    Ok(())
}

/// The owner takes a browser off.
pub fn remove_push(run: &mut Run, wallet: WalletId, id: &PushId) -> Flow<()> {
    let noted = run.noted();
    let removed = run.registry.notices().remove_push(wallet, id, &noted)?;
    Ok(removed.map_err(denied)?)
}

/// Sends a notice that says nothing, on the ways of notices of safety.
pub fn try_out(run: &mut Run, wallet: WalletId) -> Flow<()> {
    let facts = NoticeFacts::of(wallet, run.now);
    match run.registry.notices().tell("try_out", &facts, run.seed)? {
        true => Ok(()),
        false => Err(Denied::NoticesUsedUp.into()),
    }
}

/// An operator has looked after an answer of "this was not me".
pub fn close(run: &mut Run, id: &[u8; 16]) -> Flow<()> {
    let noted = run.noted();
    match run.registry.notices().close_denial(id, &noted)? {
        true => Ok(()),
        false => Err(Denied::NotFound.into()),
    }
}

/// What a notice says in a language: what an operator has put there, or the built-in words; and its version, zero for the first.
pub fn words_in_force(
    registry: &mut Registry,
    kind: &NoticeKind,
    locale: &str,
) -> Result<(Template, u64, bool), Fault> {
    let stored = registry.templates().newest(&kind.slot(locale))?;
    let version = stored.as_ref().map_or(0, |stored| stored.version);
    let words = stored.and_then(|stored| stored.words);
    // Words of an older program that this one would not take are not sent.
    let usable = words
        .map(|(subject, text)| Template { subject, text })
        .filter(|template| kind.check(template).is_ok());
    let is_own = usable.is_some();
    Ok((
        usable.unwrap_or_else(|| kind.built_in(locale)),
        version,
        is_own,
    ))
}

/// An operator puts other words in the place of a notice's, or the built-in ones back.
pub fn set_words(
    run: &mut Run,
    kind: &NoticeKind,
    locale: &str,
    template: Option<&Template>,
) -> Flow<u64> {
    if let Some(template) = template {
        kind.check(template).map_err(Denied::Template)?;
    }
    let noted = run.noted();
    let words = template.map(|template| (&*template.subject, &*template.text));
    let version = run
        .registry
        .templates()
        .set(&kind.slot(locale), words, &noted)?;
    tracing::info!(
        kind = kind.word,
        locale,
        version,
        "an operator changed the words of a notice"
    );
    Ok(version)
}

fn denied(refusal: NoticeRefusal) -> Denied {
    match refusal {
        NoticeRefusal::Unknown => Denied::NotFound,
        NoticeRefusal::LastWay => Denied::LastWay,
    }
}
