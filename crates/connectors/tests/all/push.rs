//! Web push: handed over, read by the one browser it is for, refused for a reason.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mamori_connectors::push::*;
use serde_json::{Value, json};

use crate::peer::*;

fn gateway(world: &World, secret: u8) -> PushGateway {
    let services = PushServices::new([world.sandbox.addresses().push_url.clone()]);
    let key = VapidKey::new(&[secret; 32], "mailto:help@example.jp").expect("a key");
    PushGateway::new(services.expect("this machine"), key, Duration::from_secs(5))
}

/// A browser subscribes with the key of this gateway.
fn subscribe(world: &World, gateway: &PushGateway) -> Subscription {
    let url = format!("{}/subscriptions", world.sandbox.addresses().push_url);
    let wish = json!({ "application_server_key": URL_SAFE_NO_PAD.encode(gateway.key().public()) });
    let mut answer = direct()
        .post(url)
        .header("content-type", "application/json")
        .send(wish.to_string())
        .expect("the push service answers");
    let told: Value = answer.body_mut().read_json().expect("a subscription");
    let bytes = |text: &Value| {
        URL_SAFE_NO_PAD
            .decode(text.as_str().expect("text"))
            .expect("bytes")
    };
    Subscription {
        endpoint: told["endpoint"].as_str().expect("an address").to_owned(),
        p256dh: bytes(&told["keys"]["p256dh"]),
        auth: bytes(&told["keys"]["auth"]).try_into().expect("16 bytes"),
    }
}

const CHANCE: PushChance = PushChance {
    key: [9; 32],
    salt: [3; 16],
};

fn message(plain: &[u8]) -> PushMessage<'_> {
    PushMessage {
        plain,
        life: Duration::from_secs(3_600),
        urgency: Urgency::High,
        topic: Some("frozen"),
    }
}

#[test]
fn a_message_arrives_as_written_with_its_life_its_urgency_and_its_topic() {
    let world = World::start();
    let gateway = gateway(&world, 5);
    let to = subscribe(&world, &gateway);
    let pushed = gateway.send(
        &to,
        &message("お支払い ¥1,200".as_bytes()),
        NOW_SECONDS,
        &CHANCE,
    );
    assert_eq!(pushed, Pushed::Taken);
    let arrived = &world.inbox()[0];
    assert_eq!(arrived["kind"], "push");
    assert_eq!(arrived["text"], "お支払い ¥1,200");
    assert_eq!(arrived["from"], "ttl 3600, urgency high, topic frozen");
}

#[test]
fn a_subscription_that_was_taken_back_is_gone_and_one_of_another_sender_is_refused() {
    let world = World::start();
    let ours = gateway(&world, 5);
    let to = subscribe(&world, &ours);
    let theirs = gateway(&world, 6).send(&to, &message(b"x"), NOW_SECONDS, &CHANCE);
    assert_eq!(theirs, Pushed::Refused(403));
    let gone = to.endpoint.replace("/push/", "/subscriptions/");
    direct()
        .delete(gone)
        .call()
        .expect("the push service answers");
    assert_eq!(
        ours.send(&to, &message(b"x"), NOW_SECONDS, &CHANCE),
        Pushed::Gone
    );
    assert_eq!(world.inbox(), Vec::<Value>::new());
}

#[test]
fn a_busy_service_says_when_to_come_back_and_a_token_of_yesterday_is_worth_nothing() {
    let world = World::start();
    let gateway = gateway(&world, 5);
    let to = subscribe(&world, &gateway);
    world.faults(r#"{"fail_next_push":1}"#);
    let later = Pushed::Later(Some(Duration::from_secs(1)));
    assert_eq!(
        gateway.send(&to, &message(b"x"), NOW_SECONDS, &CHANCE),
        later
    );
    let yesterday = NOW_SECONDS - 86_400;
    assert_eq!(
        gateway.send(&to, &message(b"x"), yesterday, &CHANCE),
        Pushed::Refused(403)
    );
    assert_eq!(
        gateway.send(&to, &message(b"x"), NOW_SECONDS, &CHANCE),
        Pushed::Taken
    );
}

#[test]
fn nothing_is_sent_to_a_service_that_nobody_has_named() {
    let world = World::start();
    let gateway = gateway(&world, 5);
    let mut to = subscribe(&world, &gateway);
    to.endpoint = to.endpoint.replace("127.0.0.1", "localhost");
    assert_eq!(
        gateway.send(&to, &message(b"x"), NOW_SECONDS, &CHANCE),
        Pushed::Refused(0)
    );
}
