//! Signing up beside a thousand times as many strangers: the real shares and proofs, in virtual time.

use mamori_domain::world::Timestamp;
use mamori_server::proofs::{ProofCost, Proofs};
use mamori_server::sign_up_shares::{Asking, SignUpShares, Turn};

const MAIL_AN_HOUR: i64 = 2_000;
/// Honest people, one every half minute for an hour, each in a network of their own.
const HONEST: u64 = 120;
const HOUR_MICROS: i64 = 3_600_000_000;
const STRANGERS_FOR_EACH: u64 = 1_000;
/// What a page waits for its work, at the hardest.
const WORK_MICROS: i64 = 8_000_000;
/// Times that a person presses the button again, when told to wait.
const PRESSES_MAX: u32 = 2;

/// The door, as `POST /api/sign-up/start` uses it.
struct Door {
    shares: SignUpShares,
    proofs: Proofs,
    nonce: u64,
    prefixes_are_told_apart: bool,
}

impl Door {
    fn new(prefixes_are_told_apart: bool) -> Door {
        // Easy work: what it costs in time is a number of this story.
        let cost = ProofCost {
            bits_min: 2,
            bits_max: 3,
        };
        Door {
            shares: SignUpShares::default(),
            proofs: Proofs::new(mamori_datastore::keys::Secret::new([5; 32]), cost),
            nonce: 0,
            prefixes_are_told_apart,
        }
    }

    fn asking(&self, prefix: u64) -> Asking<'static> {
        Asking {
            prefix: self.prefixes_are_told_apart.then_some(prefix),
            lane: "mail",
            lane_max: MAIL_AN_HOUR,
        }
    }

    /// One press: without proof first, and with it if the answer asks for it and the asker does the work.
    fn press(&mut self, prefix: u64, works: bool, now: i64) -> Turn {
        let asking = self.asking(prefix);
        let first = self.shares.ask(&asking, false, Timestamp(now));
        let Turn::Prove { pressure } = first else {
            return first;
        };
        if !works {
            return first;
        }
        self.nonce += 1;
        let bound_to = (asking.prefix, asking.lane);
        let nonce = self.nonce.to_be_bytes();
        let challenge = self
            .proofs
            .challenge(bound_to, pressure, Timestamp(now), nonce);
        let later = Timestamp(
            now + if prefix >= HONEST_FROM {
                WORK_MICROS
            } else {
                0
            },
        );
        let text = challenge.text();
        let proof = (0..1_000).find_map(|answer| self.proofs.take(&text, answer, bound_to, later));
        let proof = proof.expect("an answer");
        let turn = self.shares.ask(&asking, true, Timestamp(now));
        if turn != Turn::Granted {
            self.proofs.give_back(&proof);
        }
        turn
    }
}

const HONEST_FROM: u64 = 1 << 40;

/// How many honest people of [`HONEST`] got their message. Strangers come evenly, a thousand for each of them: half from six
/// networks that do the work, half from two thousand that do not.
fn honest_through(prefixes_are_told_apart: bool) -> u64 {
    let mut door = Door::new(prefixes_are_told_apart);
    let gap = HOUR_MICROS / i64::try_from(HONEST * STRANGERS_FOR_EACH).expect("a number");
    let (mut now, mut through) = (0, 0);
    for person in 0..HONEST {
        for stranger in 0..STRANGERS_FOR_EACH {
            now += gap;
            if stranger % 2 == 0 {
                door.press(stranger / 2 % 6, true, now);
            } else {
                door.press(100 + (person * 500 + stranger / 2) % 2_000, false, now);
            }
        }
        let pressed = |n: u32| now + i64::from(n);
        through += u64::from(
            (0..=PRESSES_MAX)
                .any(|n| door.press(HONEST_FROM + person, true, pressed(n)) == Turn::Granted),
        );
    }
    through
}

#[test]
fn beside_a_thousand_times_as_many_strangers_nine_of_ten_honest_people_sign_up() {
    let through = honest_through(true);
    println!(
        "{through} of {HONEST} honest sign-ups beside {STRANGERS_FOR_EACH} strangers for each"
    );
    assert!(through * 10 >= HONEST * 9, "{through} of {HONEST}");
}

#[test]
fn without_shares_the_same_crowd_leaves_hardly_anything() {
    let through = honest_through(false);
    println!("{through} of {HONEST} without shares");
    assert!(through * 2 < HONEST, "{through} of {HONEST}");
}
