//! Push messages as JSON lines, for a reader that is not ours (`tests/peers/push_peer.py`): the keys of a browser, the body, what stands in
//! `Authorization`, and what must be read.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mamori_connectors::push::{PushChance, Subscription, VapidKey, encrypt};
use serde_json::json;

/// One moment in June 2025.
const NOW_SECONDS: i64 = 1_750_000_000;

fn main() {
    for (number, plain) in ["お支払い 1,200円", "x", &"長い".repeat(400)]
        .into_iter()
        .enumerate()
    {
        let number = u8::try_from(number).expect("three");
        let secret = [40 + number; 32];
        // A key pair of VAPID is a key pair like any other.
        let browser = VapidKey::new(&secret, "").expect("a key");
        let sender = VapidKey::new(&[60 + number; 32], "mailto:help@example.jp").expect("a key");
        let to = Subscription {
            endpoint: "https://fcm.googleapis.com/fcm/send/x".into(),
            p256dh: browser.public().to_vec(),
            auth: [number; 16],
        };
        let chance = PushChance {
            key: [80 + number; 32],
            salt: [90 + number; 16],
        };
        let body = encrypt(&to, plain.as_bytes(), 3_001, &chance).expect("keys");
        let origin = "https://fcm.googleapis.com";
        let told = json!({
            "secret": URL_SAFE_NO_PAD.encode(secret),
            "auth": URL_SAFE_NO_PAD.encode(to.auth),
            "body": URL_SAFE_NO_PAD.encode(body),
            "authorization": sender.authorization(origin, NOW_SECONDS),
            "audience": origin,
            "now_seconds": NOW_SECONDS,
            "plain": plain,
        });
        println!("{told}");
    }
}
