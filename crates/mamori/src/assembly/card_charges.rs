//! Every topped-up yen leads back to a charge at the card processor: the desk against the sandbox's network.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use mamori_connectors::card::IntentState;
use mamori_domain::act::{Act, Done, TopUpState};
use mamori_domain::ids::{Fingerprint, TopUpId, WalletId};
use mamori_domain::money::Amount;
use mamori_engine::control::CardChargeRow;
use mamori_engine::testing::Scratch;
use mamori_sandbox::{Sandbox, SandboxConfig};

use super::*;
use crate::outside;

const CLOCK: Clock = Clock {
    wall_micros: outside::wall_micros,
    monotonic_micros: outside::monotonic_micros,
};

struct Desk {
    engine: Engine,
    control: Control,
    desk: CardDesk,
    wallet: WalletId,
    _sandbox: Sandbox,
    _scratch: Scratch,
}

impl Desk {
    fn open() -> Desk {
        let scratch = Scratch::new("charges");
        let sandbox = mamori_sandbox::run(SandboxConfig {
            card_port: 0,
            sms_port: 0,
            smtp_port: 0,
            inbox_port: 0,
            webhook_url: None,
            webhook_secret: "whsec_test".into(),
            webhook_retry: Duration::from_secs(1),
            api_key: "sk_test".into(),
            sms_account: "AC".into(),
            sms_token: "token".into(),
            seed: [2; 32],
            clock: outside::wall_micros,
        })
        .expect("free ports");
        let (location, master) = (
            scratch.location(),
            Arc::new(MasterKey::from_bytes([42; 32])),
        );
        let engine = open_engine(
            &location,
            &master,
            Purpose::Development,
            Rules::default(),
            false,
            CLOCK,
            outside::chance,
        )
        .expect("an empty store");
        let credential = Fingerprint(1);
        let opened = engine.act(Act::OpenWallet { credential });
        let Ok(Ok(Done::WalletOpened(wallet))) = opened else {
            panic!("{opened:?}")
        };
        let card = CardConfig::new(&sandbox.addresses().card_url, Secret::new("sk_test"));
        Desk {
            control: Control::open(&location, &master).expect("control opens"),
            desk: CardDesk::new(
                CardProcessor::new(card),
                Secret::new("whsec_test"),
                "http://wallet.localhost:1",
                "test",
            ),
            engine,
            wallet,
            _sandbox: sandbox,
            _scratch: scratch,
        }
    }

    fn now() -> Timestamp {
        Timestamp((CLOCK.wall_micros)())
    }

    /// Opens a top-up and its card page.
    fn start(&mut self, yen: u64) -> (TopUpId, String) {
        let started = self.engine.act(Act::StartTopUp {
            wallet: self.wallet,
            name: format!("top-up of {yen}").into(),
            amount: Amount::yen(yen),
        });
        let Ok(Ok(Done::TopUp { top_up, .. })) = started else {
            panic!("{started:?}")
        };
        let page = self
            .desk
            .open_page(
                &mut self.control,
                top_up,
                Amount::yen(yen),
                "ja",
                Desk::now(),
            )
            .expect("the network answers");
        match page.state {
            IntentState::RequiresAction { url: Some(url) } => (top_up, url),
            other => panic!("{other:?}"),
        }
    }

    fn settle(&mut self, top_up: TopUpId) -> TopUpState {
        self.desk
            .settle(&self.engine, &mut self.control, top_up, Desk::now())
            .map_err(|problem| problem.to_string())
            .expect("the network answers")
            .state
    }

    fn charge(&mut self, top_up: TopUpId) -> Option<CardChargeRow> {
        let row = self.control.card_payment(top_up).expect("control answers");
        row.expect("it was ordered").charge
    }
}

/// The customer types a card into the network's own page.
fn type_card(page: &str, card: &str) {
    let (host, path) = page
        .strip_prefix("http://")
        .and_then(|page| page.split_once('/'))
        .expect("a page of the sandbox");
    let form = format!("{card}&expiry=12%2F34");
    let mut stream = TcpStream::connect(host).expect("the network listens");
    write!(
        stream,
        "POST /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{form}",
        form.len(),
    )
    .expect("the network reads");
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .expect("the network answers");
    assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
}

#[test]
fn a_topped_up_yen_leads_back_to_its_charge_and_to_who_bears_a_dispute() {
    let mut house = Desk::open();
    for (card, yen, shift) in [
        ("number=4242424242424242&cvc=123", 5_000, "shifted"),
        // This issuer knows no 3-D Secure: a dispute is ours.
        ("number=378282246310005&cvc=1234", 3_000, "not_shifted"),
    ] {
        let (top_up, page) = house.start(yen);
        assert_eq!(house.settle(top_up), TopUpState::Pending);
        assert_eq!(house.charge(top_up), None, "nothing was paid yet");
        type_card(&page, card);
        assert_eq!(house.settle(top_up), TopUpState::Succeeded);
        let charge = house.charge(top_up).expect("its source is known");
        assert!(charge.charge.starts_with("ch_"), "{charge:?}");
        assert_eq!(charge.liability_shift, shift);
        // Asked again by a webhook or the poller, it is the same charge.
        assert_eq!(house.settle(top_up), TopUpState::Succeeded);
        assert_eq!(house.charge(top_up), Some(charge));
    }
    house.engine.stop();
}
