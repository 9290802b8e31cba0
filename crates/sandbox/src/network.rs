//! The card network's own state: intents, hosted sessions, refunds and events.
//!
//! Plain data behind one lock; no sockets, no clock. Of a card it keeps the brand and the last four
//! digits and nothing else, exactly as a wallet would.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::cards::{self, Decline, Issuer, TestCard};
use crate::draw::Draw;
use crate::refusal::ApiRefusal;
use crate::shelf::Shelf;

/// Objects of each kind kept; the oldest goes first.
const KEPT_MAX: usize = 20_000;
/// Cards one customer may try on one hosted page before it closes: stops card testing on our page.
pub(crate) const CARDS_TRIED_MAX: u8 = 5;
/// Wrong codes before the issuer gives up on a challenge.
pub(crate) const CODES_TRIED_MAX: u8 = 3;

pub(crate) type Metadata = BTreeMap<String, String>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IntentStatus {
    RequiresPaymentMethod,
    RequiresConfirmation,
    RequiresAction,
    Succeeded,
    Canceled,
}

impl IntentStatus {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::RequiresPaymentMethod => "requires_payment_method",
            Self::RequiresConfirmation => "requires_confirmation",
            Self::RequiresAction => "requires_action",
            Self::Succeeded => "succeeded",
            Self::Canceled => "canceled",
        }
    }
}

/// The card as the network remembers it.
#[derive(Clone)]
pub(crate) struct Method {
    pub(crate) id: String,
    pub(crate) card: &'static TestCard,
}

#[derive(Clone)]
pub(crate) struct Challenge {
    pub(crate) code: String,
    pub(crate) codes_tried: u8,
}

#[derive(Clone)]
pub(crate) struct Charge {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) method: Method,
    pub(crate) paid: bool,
    pub(crate) refunded: i64,
    pub(crate) disputed: bool,
    /// How the cardholder was authenticated: `frictionless`, `challenge`, or not at all.
    pub(crate) authentication: Option<&'static str>,
}

#[derive(Clone)]
pub(crate) struct Intent {
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) metadata: Metadata,
    pub(crate) created: i64,
    pub(crate) status: IntentStatus,
    pub(crate) method: Option<Method>,
    pub(crate) challenge: Option<Challenge>,
    pub(crate) charge: Option<Charge>,
    pub(crate) last_error: Option<Decline>,
    pub(crate) return_url: Option<String>,
    pub(crate) session: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionStatus {
    Open,
    Complete,
    Expired,
}

#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) intent: String,
    pub(crate) product: String,
    pub(crate) success_url: String,
    pub(crate) cancel_url: Option<String>,
    pub(crate) client_reference_id: Option<String>,
    pub(crate) locale: Option<String>,
    pub(crate) metadata: Metadata,
    pub(crate) created: i64,
    pub(crate) expires_at: i64,
    pub(crate) status: SessionStatus,
    pub(crate) cards_tried: u8,
}

impl Session {
    pub(crate) fn success_url(&self) -> String {
        self.success_url.replace("{CHECKOUT_SESSION_ID}", &self.id)
    }
}

#[derive(Clone)]
pub(crate) struct Refund {
    pub(crate) id: String,
    pub(crate) intent: String,
    pub(crate) charge: String,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) metadata: Metadata,
    pub(crate) created: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DisputeStatus {
    NeedsResponse,
    Lost,
}

impl DisputeStatus {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::NeedsResponse => "needs_response",
            Self::Lost => "lost",
        }
    }
}

/// What a cardholder told the issuer about a charge.
#[derive(Clone)]
pub(crate) struct Dispute {
    pub(crate) id: String,
    pub(crate) intent: String,
    pub(crate) charge: String,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) created: i64,
    pub(crate) status: DisputeStatus,
}

#[derive(Clone)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) kind: &'static str,
    pub(crate) created: i64,
    pub(crate) object: Value,
}

pub(crate) struct NewIntent {
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) metadata: Metadata,
    pub(crate) return_url: Option<String>,
}

pub(crate) struct NewSession {
    pub(crate) intent: NewIntent,
    pub(crate) product: String,
    pub(crate) success_url: String,
    pub(crate) cancel_url: Option<String>,
    pub(crate) client_reference_id: Option<String>,
    pub(crate) locale: Option<String>,
    pub(crate) metadata: Metadata,
    pub(crate) expires_at: i64,
}

/// What the cardholder did on the issuer's challenge page.
pub(crate) enum ChallengeAnswer<'a> {
    Code(&'a str),
    GiveUp,
}

/// Where a card stands after it was tried.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Tried {
    Paid,
    Challenged,
    Declined(Decline),
}

pub(crate) struct Network {
    draw: Draw,
    /// The address under which browsers reach this network, without a slash at the end.
    pub(crate) base_url: String,
    intents: Shelf<Intent>,
    sessions: Shelf<Session>,
    refunds: Shelf<Refund>,
    disputes: Shelf<Dispute>,
    events: Shelf<Event>,
    /// Events not taken for delivery yet.
    fresh: Vec<Event>,
}

impl Network {
    pub(crate) fn new(draw: Draw, base_url: String) -> Self {
        Self {
            draw,
            base_url,
            intents: Shelf::with_places(KEPT_MAX),
            sessions: Shelf::with_places(KEPT_MAX),
            refunds: Shelf::with_places(KEPT_MAX),
            disputes: Shelf::with_places(KEPT_MAX),
            events: Shelf::with_places(KEPT_MAX),
            fresh: Vec::new(),
        }
    }

    pub(crate) fn draw(&mut self) -> &mut Draw {
        &mut self.draw
    }

    // ---- reading ----

    pub(crate) fn intent(&self, id: &str) -> Result<&Intent, ApiRefusal> {
        self.intents
            .get(id)
            .ok_or_else(|| ApiRefusal::no_such("payment_intent", id))
    }

    /// The session, closed first if its time has run out.
    pub(crate) fn session(&mut self, id: &str, now: i64) -> Result<&Session, ApiRefusal> {
        let session = self
            .sessions
            .get(id)
            .ok_or_else(|| ApiRefusal::no_such("checkout.session", id))?;
        if session.status == SessionStatus::Open && session.expires_at <= now {
            self.close_session(id, now);
        }
        self.sessions
            .get(id)
            .ok_or_else(|| ApiRefusal::no_such("checkout.session", id))
    }

    pub(crate) fn refund_by_id(&self, id: &str) -> Result<&Refund, ApiRefusal> {
        self.refunds
            .get(id)
            .ok_or_else(|| ApiRefusal::no_such("refund", id))
    }

    pub(crate) fn dispute_by_id(&self, id: &str) -> Result<&Dispute, ApiRefusal> {
        self.disputes
            .get(id)
            .ok_or_else(|| ApiRefusal::no_such("dispute", id))
    }

    pub(crate) fn disputes(&self) -> impl Iterator<Item = &Dispute> {
        self.disputes.newest()
    }

    pub(crate) fn event(&self, id: &str) -> Result<&Event, ApiRefusal> {
        self.events
            .get(id)
            .ok_or_else(|| ApiRefusal::no_such("event", id))
    }

    pub(crate) fn intents(&self) -> impl Iterator<Item = &Intent> {
        self.intents.newest()
    }

    pub(crate) fn events(&self) -> impl Iterator<Item = &Event> {
        self.events.newest()
    }

    pub(crate) fn refunds(&self) -> impl Iterator<Item = &Refund> {
        self.refunds.newest()
    }

    /// Events since the last call, oldest first.
    pub(crate) fn take_fresh_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.fresh)
    }

    // ---- making ----

    pub(crate) fn create_intent(
        &mut self,
        new: NewIntent,
        session: Option<String>,
        now: i64,
    ) -> String {
        assert!(new.amount > 0, "the API layer lets no other amount in");
        let id = self.draw.id("pi_");
        let secret = self.draw.id(&format!("{id}_secret_"));
        let intent = Intent {
            id: id.clone(),
            secret,
            amount: new.amount,
            currency: new.currency,
            metadata: new.metadata,
            created: now,
            status: IntentStatus::RequiresPaymentMethod,
            method: None,
            challenge: None,
            charge: None,
            last_error: None,
            return_url: new.return_url,
            session,
        };
        self.intents.put(id.clone(), intent);
        self.tell_intent("payment_intent.created", &id, now);
        id
    }

    /// Opens a hosted page. Its intent exists from the start, so that one id names the money throughout.
    pub(crate) fn create_session(&mut self, new: NewSession, now: i64) -> String {
        let id = self.draw.id("cs_test_");
        let intent = self.create_intent(new.intent, Some(id.clone()), now);
        let session = Session {
            id: id.clone(),
            intent,
            product: new.product,
            success_url: new.success_url,
            cancel_url: new.cancel_url,
            client_reference_id: new.client_reference_id,
            locale: new.locale,
            metadata: new.metadata,
            created: now,
            expires_at: new.expires_at,
            status: SessionStatus::Open,
            cards_tried: 0,
        };
        self.sessions.put(id.clone(), session);
        id
    }

    pub(crate) fn attach(&mut self, intent: &str, card: &'static TestCard) {
        let method = Method {
            id: self.draw.id("pm_"),
            card,
        };
        if let Some(intent) = self.intents.get_mut(intent) {
            intent.method = Some(method);
            intent.status = IntentStatus::RequiresConfirmation;
        }
    }

    // ---- moving ----

    /// Tries the card that is attached to the intent.
    pub(crate) fn confirm(&mut self, id: &str, now: i64) -> Result<Tried, ApiRefusal> {
        let intent = self.intent(id)?;
        let (IntentStatus::RequiresConfirmation, Some(method)) =
            (intent.status, intent.method.clone())
        else {
            return Err(wrong_state("confirm", intent));
        };
        Ok(match method.card.issuer {
            Issuer::Frictionless => self.charge(id, method, Some("frictionless"), now),
            Issuer::NoThreeDSecure => self.charge(id, method, None, now),
            Issuer::Disputes => {
                let tried = self.charge(id, method, Some("frictionless"), now);
                self.dispute(id, now)?;
                tried
            }
            Issuer::Decline(decline) => self.decline(id, Some(method), decline, now),
            Issuer::Challenge | Issuer::ChallengeThenDecline => {
                let challenge = Challenge {
                    code: self.draw.six_digits(),
                    codes_tried: 0,
                };
                if let Some(intent) = self.intents.get_mut(id) {
                    intent.status = IntentStatus::RequiresAction;
                    intent.challenge = Some(challenge);
                    intent.last_error = None;
                }
                self.tell_intent("payment_intent.requires_action", id, now);
                Tried::Challenged
            }
        })
    }

    /// The cardholder answers the issuer's question. A wrong code leaves the challenge standing, three times.
    pub(crate) fn answer_challenge(
        &mut self,
        id: &str,
        answer: ChallengeAnswer<'_>,
        now: i64,
    ) -> Result<Tried, ApiRefusal> {
        let intent = self
            .intents
            .get_mut(id)
            .ok_or_else(|| ApiRefusal::no_such("payment_intent", id))?;
        let (Some(challenge), Some(method)) = (&mut intent.challenge, intent.method.clone()) else {
            return Err(wrong_state("authenticate", intent));
        };
        match answer {
            ChallengeAnswer::Code(code) if code == challenge.code => Ok(match method.card.issuer {
                Issuer::ChallengeThenDecline => self.decline(id, Some(method), cards::GENERIC, now),
                _ => self.charge(id, method, Some("challenge"), now),
            }),
            ChallengeAnswer::Code(_) if challenge.codes_tried + 1 < CODES_TRIED_MAX => {
                challenge.codes_tried += 1;
                Ok(Tried::Challenged)
            }
            ChallengeAnswer::Code(_) | ChallengeAnswer::GiveUp => {
                Ok(self.decline(id, None, cards::NOT_AUTHENTICATED, now))
            }
        }
    }

    /// One card typed into the hosted page.
    pub(crate) fn pay_session(
        &mut self,
        id: &str,
        card: &'static TestCard,
        now: i64,
    ) -> Result<Tried, ApiRefusal> {
        let session = self.session(id, now)?;
        if session.status != SessionStatus::Open {
            return Err(ApiRefusal::unexpected_state(
                "This Checkout Session is no longer open.",
            ));
        }
        let intent = session.intent.clone();
        if let Some(session) = self.sessions.get_mut(id) {
            session.cards_tried += 1;
        }
        self.attach(&intent, card);
        let tried = self.confirm(&intent, now)?;
        self.close_if_worn_out(id, now);
        Ok(tried)
    }

    pub(crate) fn cancel(&mut self, id: &str, now: i64) -> Result<(), ApiRefusal> {
        let intent = self.intent(id)?;
        if matches!(
            intent.status,
            IntentStatus::Succeeded | IntentStatus::Canceled
        ) {
            return Err(wrong_state("cancel", intent));
        }
        if intent.session.is_some() {
            let message =
                "This PaymentIntent belongs to a Checkout Session: expire the session instead.";
            return Err(ApiRefusal::unexpected_state(message));
        }
        self.cancel_intent(id, now);
        Ok(())
    }

    pub(crate) fn expire_session(&mut self, id: &str, now: i64) -> Result<(), ApiRefusal> {
        if self.session(id, now)?.status != SessionStatus::Open {
            let message = "Only Checkout Sessions with a status in [\"open\"] can be expired.";
            return Err(ApiRefusal::unexpected_state(message));
        }
        self.close_session(id, now);
        Ok(())
    }

    /// Returns money of a paid intent; `amount` in the smallest unit, everything left if absent.
    pub(crate) fn refund(
        &mut self,
        intent_id: &str,
        amount: Option<i64>,
        metadata: Metadata,
        now: i64,
    ) -> Result<String, ApiRefusal> {
        let refund_id = self.draw.id("re_");
        let intent = self
            .intents
            .get_mut(intent_id)
            .ok_or_else(|| ApiRefusal::no_such("payment_intent", intent_id))?;
        let currency = intent.currency.clone();
        let Some(charge) = intent.charge.as_mut().filter(|charge| charge.paid) else {
            return Err(ApiRefusal::unexpected_state(
                "This PaymentIntent does not have a successful charge to refund.",
            ));
        };
        let left = intent.amount - charge.refunded;
        let amount = amount.unwrap_or(left);
        if amount > left || left == 0 {
            let message = format!(
                "Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"
            );
            return Err(ApiRefusal::refund_too_large(message));
        }
        charge.refunded += amount;
        let refund = Refund {
            id: refund_id.clone(),
            intent: intent_id.to_owned(),
            charge: charge.id.clone(),
            amount,
            currency,
            metadata,
            created: now,
        };
        self.refunds.put(refund_id.clone(), refund);
        let charge = self.intent(intent_id)?.charge_json().unwrap_or(Value::Null);
        self.tell("charge.refunded", charge, now);
        Ok(refund_id)
    }

    /// The cardholder tells the issuer that the charge was not theirs; the money is taken from us until that is decided.
    pub(crate) fn dispute(&mut self, intent_id: &str, now: i64) -> Result<String, ApiRefusal> {
        let id = self.draw.id("du_");
        let intent = self
            .intents
            .get_mut(intent_id)
            .ok_or_else(|| ApiRefusal::no_such("payment_intent", intent_id))?;
        let (amount, currency) = (intent.amount, intent.currency.clone());
        let charge = intent.charge.as_mut().filter(|charge| charge.paid);
        let Some(charge) = charge.filter(|charge| !charge.disputed) else {
            return Err(ApiRefusal::unexpected_state(
                "This PaymentIntent does not have a successful charge that is not disputed yet.",
            ));
        };
        charge.disputed = true;
        let dispute = Dispute {
            id: id.clone(),
            intent: intent_id.to_owned(),
            charge: charge.id.clone(),
            amount,
            currency,
            created: now,
            status: DisputeStatus::NeedsResponse,
        };
        let object = dispute.json();
        self.disputes.put(id.clone(), dispute);
        self.tell("charge.dispute.created", object, now);
        Ok(id)
    }

    /// A merchant that closes a dispute has lost it.
    pub(crate) fn close_dispute(&mut self, id: &str, now: i64) -> Result<(), ApiRefusal> {
        let dispute = self
            .disputes
            .get_mut(id)
            .ok_or_else(|| ApiRefusal::no_such("dispute", id))?;
        if dispute.status == DisputeStatus::Lost {
            return Err(ApiRefusal::unexpected_state(
                "This dispute is already closed.",
            ));
        }
        dispute.status = DisputeStatus::Lost;
        let object = dispute.json();
        self.tell("charge.dispute.closed", object, now);
        Ok(())
    }

    /// The intent that a charge belongs to.
    pub(crate) fn intent_of_charge(&self, charge: &str) -> Result<String, ApiRefusal> {
        self.intents
            .newest()
            .find(|intent| intent.charge.as_ref().is_some_and(|held| held.id == charge))
            .map(|intent| intent.id.clone())
            .ok_or_else(|| ApiRefusal::no_such("charge", charge))
    }

    // ---- the steps behind ----

    fn charge(
        &mut self,
        id: &str,
        method: Method,
        authentication: Option<&'static str>,
        now: i64,
    ) -> Tried {
        let charge = Charge {
            id: self.draw.id("ch_"),
            created: now,
            method,
            paid: true,
            refunded: 0,
            disputed: false,
            authentication,
        };
        let mut session = None;
        if let Some(intent) = self.intents.get_mut(id) {
            assert!(
                intent.charge.as_ref().is_none_or(|charge| !charge.paid),
                "one intent is paid once"
            );
            intent.charge = Some(charge);
            intent.challenge = None;
            intent.last_error = None;
            intent.status = IntentStatus::Succeeded;
            session = intent.session.clone();
        }
        self.tell_intent("payment_intent.succeeded", id, now);
        if let Some(session) = session.and_then(|session| self.sessions.get_mut(&session)) {
            session.status = SessionStatus::Complete;
            let session = session.clone();
            let object = session.json(&self.base_url, self.intents.get(id), false);
            self.tell("checkout.session.completed", object, now);
        }
        Tried::Paid
    }

    /// `method` is the card that was charged in vain; none if the cardholder was never authenticated.
    fn decline(&mut self, id: &str, method: Option<Method>, decline: Decline, now: i64) -> Tried {
        let failed = method.map(|method| Charge {
            id: self.draw.id("ch_"),
            created: now,
            method,
            paid: false,
            refunded: 0,
            disputed: false,
            authentication: None,
        });
        let mut session = None;
        if let Some(intent) = self.intents.get_mut(id) {
            intent.charge = failed;
            intent.method = None;
            intent.challenge = None;
            intent.last_error = Some(decline);
            intent.status = IntentStatus::RequiresPaymentMethod;
            session = intent.session.clone();
        }
        self.tell_intent("payment_intent.payment_failed", id, now);
        if let Some(session) = session {
            self.close_if_worn_out(&session, now);
        }
        Tried::Declined(decline)
    }

    fn close_if_worn_out(&mut self, session_id: &str, now: i64) {
        let Some(session) = self.sessions.get(session_id) else {
            return;
        };
        let waits_for_card = self
            .intents
            .get(&session.intent)
            .is_some_and(|it| it.status == IntentStatus::RequiresPaymentMethod);
        if session.status == SessionStatus::Open
            && session.cards_tried >= CARDS_TRIED_MAX
            && waits_for_card
        {
            self.close_session(session_id, now);
        }
    }

    fn close_session(&mut self, id: &str, now: i64) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        assert_eq!(session.status, SessionStatus::Open, "a session closes once");
        session.status = SessionStatus::Expired;
        let session = session.clone();
        self.cancel_intent(&session.intent, now);
        let object = session.json(&self.base_url, self.intents.get(&session.intent), false);
        self.tell("checkout.session.expired", object, now);
    }

    fn cancel_intent(&mut self, id: &str, now: i64) {
        if let Some(intent) = self.intents.get_mut(id) {
            assert_ne!(
                intent.status,
                IntentStatus::Succeeded,
                "paid money is refunded, never canceled"
            );
            intent.status = IntentStatus::Canceled;
            intent.challenge = None;
        }
        self.tell_intent("payment_intent.canceled", id, now);
    }

    fn tell_intent(&mut self, kind: &'static str, id: &str, now: i64) {
        if let Some(object) = self
            .intents
            .get(id)
            .map(|intent| intent.json(&self.base_url, false))
        {
            self.tell(kind, object, now);
        }
    }

    fn tell(&mut self, kind: &'static str, object: Value, now: i64) {
        let event = Event {
            id: self.draw.id("evt_"),
            kind,
            created: now,
            object,
        };
        self.events.put(event.id.clone(), event.clone());
        self.fresh.push(event);
    }
}

fn wrong_state(verb: &str, intent: &Intent) -> ApiRefusal {
    ApiRefusal::unexpected_state(format!(
        "You cannot {verb} this PaymentIntent because it has a status of {}.",
        intent.status.text()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_750_000_000;

    fn network() -> Network {
        Network::new(Draw::from_seed([7; 32]), "http://127.0.0.1:1".to_owned())
    }

    fn open_session(network: &mut Network) -> (String, String) {
        let intent = NewIntent {
            amount: 5_000,
            currency: "jpy".to_owned(),
            metadata: Metadata::new(),
            return_url: None,
        };
        let session = network.create_session(
            NewSession {
                intent,
                product: "チャージ".to_owned(),
                success_url: "http://wallet/done".to_owned(),
                cancel_url: None,
                client_reference_id: None,
                locale: None,
                metadata: Metadata::new(),
                expires_at: NOW + 3_600,
            },
            NOW,
        );
        let intent = network.session(&session, NOW).unwrap().intent.clone();
        (session, intent)
    }

    fn kinds(network: &mut Network) -> Vec<&'static str> {
        network
            .take_fresh_events()
            .iter()
            .map(|event| event.kind)
            .collect()
    }

    #[test]
    fn a_plain_card_pays_and_closes_the_page() {
        let mut network = network();
        let (session, intent) = open_session(&mut network);
        let card = cards::by_number("4242424242424242").unwrap();
        assert_eq!(
            network.pay_session(&session, card, NOW).unwrap(),
            Tried::Paid
        );
        assert_eq!(
            network.intent(&intent).unwrap().status,
            IntentStatus::Succeeded
        );
        assert_eq!(
            kinds(&mut network),
            [
                "payment_intent.created",
                "payment_intent.succeeded",
                "checkout.session.completed"
            ]
        );
        assert!(
            network.pay_session(&session, card, NOW).is_err(),
            "a paid page takes no second card"
        );
    }

    #[test]
    fn a_challenge_is_passed_with_the_right_code_only() {
        let mut network = network();
        let (session, intent) = open_session(&mut network);
        let card = cards::by_number("4000000000003220").unwrap();
        assert_eq!(
            network.pay_session(&session, card, NOW).unwrap(),
            Tried::Challenged
        );
        let code = network
            .intent(&intent)
            .unwrap()
            .challenge
            .as_ref()
            .unwrap()
            .code
            .clone();
        let wrong = if code == "000000" { "000001" } else { "000000" };
        assert_eq!(
            network
                .answer_challenge(&intent, ChallengeAnswer::Code(wrong), NOW)
                .unwrap(),
            Tried::Challenged
        );
        assert_eq!(
            network
                .answer_challenge(&intent, ChallengeAnswer::Code(&code), NOW)
                .unwrap(),
            Tried::Paid
        );
    }

    #[test]
    fn three_wrong_codes_end_the_challenge_but_not_the_page() {
        let mut network = network();
        let (session, intent) = open_session(&mut network);
        network
            .pay_session(&session, cards::by_number("4000000000003220").unwrap(), NOW)
            .unwrap();
        for expected in [
            Tried::Challenged,
            Tried::Challenged,
            Tried::Declined(cards::NOT_AUTHENTICATED),
        ] {
            assert_eq!(
                network
                    .answer_challenge(&intent, ChallengeAnswer::Code("x"), NOW)
                    .unwrap(),
                expected
            );
        }
        let plain = cards::by_number("4242424242424242").unwrap();
        assert_eq!(
            network.pay_session(&session, plain, NOW).unwrap(),
            Tried::Paid
        );
    }

    #[test]
    fn the_fifth_declined_card_closes_the_page() {
        let mut network = network();
        let (session, intent) = open_session(&mut network);
        let declined = cards::by_number("4000000000000002").unwrap();
        for _ in 0..CARDS_TRIED_MAX {
            assert_eq!(
                network.pay_session(&session, declined, NOW).unwrap(),
                Tried::Declined(cards::GENERIC)
            );
        }
        assert_eq!(
            network.session(&session, NOW).unwrap().status,
            SessionStatus::Expired
        );
        assert_eq!(
            network.intent(&intent).unwrap().status,
            IntentStatus::Canceled
        );
        assert!(network.pay_session(&session, declined, NOW).is_err());
    }

    #[test]
    fn an_unused_page_closes_when_its_time_is_over() {
        let mut network = network();
        let (session, _) = open_session(&mut network);
        assert_eq!(
            network.session(&session, NOW + 3_599).unwrap().status,
            SessionStatus::Open
        );
        assert_eq!(
            network.session(&session, NOW + 3_600).unwrap().status,
            SessionStatus::Expired
        );
        assert_eq!(
            kinds(&mut network),
            [
                "payment_intent.created",
                "payment_intent.canceled",
                "checkout.session.expired"
            ]
        );
    }

    #[test]
    fn a_charge_is_disputed_once_and_the_dispute_lost_once() {
        let mut network = network();
        let (session, intent) = open_session(&mut network);
        assert!(
            network.dispute(&intent, NOW).is_err(),
            "nothing was paid yet"
        );
        let card = cards::by_number("4000000000000259").unwrap();
        assert_eq!(
            network.pay_session(&session, card, NOW).unwrap(),
            Tried::Paid
        );
        assert_eq!(
            kinds(&mut network)[1..],
            [
                "payment_intent.succeeded",
                "checkout.session.completed",
                "charge.dispute.created"
            ]
        );
        assert!(network.dispute(&intent, NOW).is_err());
        let id = network.disputes().next().unwrap().id.clone();
        assert!(network.close_dispute(&id, NOW).is_ok());
        assert!(network.close_dispute(&id, NOW).is_err());
        assert_eq!(kinds(&mut network), ["charge.dispute.closed"]);
    }

    #[test]
    fn refunds_never_exceed_what_was_paid() {
        let mut network = network();
        let (session, intent) = open_session(&mut network);
        assert!(
            network.refund(&intent, None, Metadata::new(), NOW).is_err(),
            "nothing was paid yet"
        );
        network
            .pay_session(&session, cards::by_number("4242424242424242").unwrap(), NOW)
            .unwrap();
        for (amount, allowed) in [
            (Some(4_000), true),
            (Some(1_001), false),
            (None, true),
            (None, false),
        ] {
            assert_eq!(
                network
                    .refund(&intent, amount, Metadata::new(), NOW)
                    .is_ok(),
                allowed,
                "{amount:?}"
            );
        }
    }
}
