//! Questions that are answered with a number: a new phone asks the one that a wallet pays from to let it take over, and somebody who
//! lost every way in asks a trusted contact for help. The number is shown there and chosen here.
//!
//! In memory only: what waits is over in five minutes, and a restart ends it. One question of an asked one waits at a time; the next takes its
//! place. The number is what keeps a stranger's question from being waved through: whoever is asked must have the asker's screen in
//! view. A wrong choice ends the question.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mamori_domain::context::AgentFamily;
use mamori_domain::world::Timestamp;
use mamori_registry::Seed;

/// How long a question waits for its answer.
pub const ASK_LIFE: Duration = Duration::from_secs(300);
/// Numbers to choose from.
const CHOICES: usize = 3;
/// Questions that wait; each needs a customer who is signed in.
const WAITING_MAX: usize = 50_000;

/// A question that waits.
#[derive(Clone, Debug)]
pub struct NumberAsk<T> {
    /// Its name; not a secret.
    pub id: [u8; 16],
    /// Two digits, shown where it is asked.
    pub number: u8,
    /// What the other one may choose from, in the order of drawing.
    pub choices: [u8; CHOICES],
    /// What a yes allows.
    pub about: T,
    /// In which family of browsers.
    pub agent: AgentFamily,
    /// When it asked.
    pub at: Timestamp,
}

/// What became of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chosen<T> {
    /// The right number: this is allowed.
    Right(T),
    /// Another number: the question is over.
    Wrong,
    /// No such question waits.
    Over,
}

/// Questions that wait, by whoever is asked.
pub struct NumberAsks<K, T>(Mutex<HashMap<K, NumberAsk<T>>>);

impl<K, T> Default for NumberAsks<K, T> {
    fn default() -> Self {
        NumberAsks(Mutex::default())
    }
}

impl<K: Copy + Eq + Hash, T: Copy> NumberAsks<K, T> {
    /// Asks; None while more questions wait than there is room for.
    pub fn ask(
        &self,
        asked: K,
        about: T,
        agent: AgentFamily,
        now: Timestamp,
        seed: &Seed,
    ) -> Option<NumberAsk<T>> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= WAITING_MAX {
            waiting.retain(|_, ask| now < ask.at.plus(ASK_LIFE));
        }
        if waiting.len() >= WAITING_MAX {
            return None;
        }
        let choices = drawn(seed);
        let right = seed.below(CHOICES as u64, "which of them") as usize;
        let ask = NumberAsk {
            id: seed.take("device ask"),
            number: choices[right],
            choices,
            about,
            agent,
            at: now,
        };
        waiting.insert(asked, ask.clone());
        Some(ask)
    }

    /// The question that waits for somebody.
    pub fn of(&self, asked: K, now: Timestamp) -> Option<NumberAsk<T>> {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ask = waiting.get(&asked)?;
        (ask.at..ask.at.plus(ASK_LIFE))
            .contains(&now)
            .then(|| ask.clone())
    }

    /// Ends a question with the number that was chosen, or with none.
    pub fn choose(&self, asked: K, id: &[u8; 16], number: Option<u8>, now: Timestamp) -> Chosen<T> {
        if self.of(asked, now).is_none_or(|ask| ask.id != *id) {
            return Chosen::Over;
        }
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match waiting.remove(&asked) {
            Some(ask) if ask.id == *id && Some(ask.number) == number => Chosen::Right(ask.about),
            Some(_) => Chosen::Wrong,
            None => Chosen::Over,
        }
    }
}

/// Numbers of two digits, no two of them alike.
fn drawn(seed: &Seed) -> [u8; CHOICES] {
    let mut left: Vec<u8> = (10..=99).collect();
    std::array::from_fn(|n| {
        let at = seed.below(left.len() as u64, &format!("choice {n}"));
        left.swap_remove(at as usize)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use mamori_domain::ids::{Fingerprint, WalletId};

    type DeviceAsks = NumberAsks<WalletId, Fingerprint>;
    type DeviceAsk = NumberAsk<Fingerprint>;

    const SORAS: WalletId = WalletId(1);
    const NEW_PHONE: Fingerprint = Fingerprint(9);

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn asked(asks: &DeviceAsks, seconds: i64, seed: u8) -> DeviceAsk {
        asks.ask(
            SORAS,
            NEW_PHONE,
            AgentFamily::Safari,
            at(seconds),
            &Seed::new([seed; 32]),
        )
        .expect("there is room")
    }

    #[test]
    fn the_number_that_the_new_phone_shows_is_the_only_right_one_and_right_once() {
        let asks = DeviceAsks::default();
        let ask = asked(&asks, 0, 1);
        assert!(ask.choices.contains(&ask.number));
        let right = Some(ask.number);
        assert_eq!(asks.choose(SORAS, &[0; 16], right, at(1)), Chosen::Over);
        assert_eq!(
            asks.choose(WalletId(2), &ask.id, right, at(1)),
            Chosen::Over
        );
        assert_eq!(
            asks.choose(SORAS, &ask.id, right, at(1)),
            Chosen::Right(NEW_PHONE)
        );
        assert_eq!(asks.choose(SORAS, &ask.id, right, at(1)), Chosen::Over);
    }

    #[test]
    fn a_wrong_number_no_number_and_five_minutes_end_a_question() {
        let asks = DeviceAsks::default();
        for wrong in [Some(9), None] {
            let ask = asked(&asks, 0, 1);
            assert_eq!(asks.choose(SORAS, &ask.id, wrong, at(1)), Chosen::Wrong);
            assert!(asks.of(SORAS, at(1)).is_none());
        }
        let ask = asked(&asks, 0, 2);
        assert!(asks.of(SORAS, at(299)).is_some() && asks.of(SORAS, at(300)).is_none());
        assert_eq!(
            asks.choose(SORAS, &ask.id, Some(ask.number), at(300)),
            Chosen::Over
        );
    }

    #[test]
    fn numbers_are_two_digits_and_differ_whatever_is_drawn() {
        for seed in 0..200 {
            let [a, b, c] = drawn(&Seed::new([seed; 32]));
            assert!(a != b && b != c && a != c);
            assert!([a, b, c].iter().all(|number| (10..=99).contains(number)));
        }
    }
}
