//! What somebody has to prove who lost every way in, and how long they wait then: one table.
//!
//! Whoever comes back proves two things of different kinds, or proves one and waits long enough for the owner to say no. A text message
//! shortens no wait: who takes a number over reads it (SIM swap). A password never stands for a mailbox's neighbour: where it leaked, it
//! often opens the mailbox too. Nothing here is knowledge about a person.

use std::time::Duration;

use mamori_domain::world::Timestamp;

/// Something that was proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Evidence {
    /// One of ten codes that the person kept.
    SavedCode,
    /// A code of the authenticator app.
    Totp,
    /// The password.
    Password,
    /// A code that was sent to a mail address of the person.
    Mail,
    /// One that was sent to an address at another provider.
    SecondMail,
    /// A code that was sent to a telephone number of the person.
    Sms,
    /// The yes of another customer whom the person had named for this.
    TrustedContact,
}

impl Evidence {
    /// The stable word.
    pub const fn word(self) -> &'static str {
        match self {
            Evidence::SavedCode => "code",
            Evidence::Totp => "totp",
            Evidence::Password => "password",
            Evidence::Mail => "mail",
            Evidence::SecondMail => "second_mail",
            Evidence::Sms => "sms",
            Evidence::TrustedContact => "trusted",
        }
    }
}

/// A way back in. All of them give the same: a new passkey, or a new password with an authenticator app, on the device that began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// What must be proven, all of it.
    pub evidence: &'static [Evidence],
    /// Hours from the last proof until the new factor can be made.
    pub wait_hours: u32,
}

const fn way(evidence: &'static [Evidence], wait_hours: u32) -> Way {
    Way {
        evidence,
        wait_hours,
    }
}

/// Every way. A way that staff start and approve is one line more, with an evidence of its own.
pub const WAYS: [Way; 11] = [
    way(&[Evidence::SavedCode, Evidence::Totp], 0),
    way(&[Evidence::SavedCode, Evidence::Password], 0),
    way(&[Evidence::SavedCode, Evidence::Mail], 0),
    way(&[Evidence::SavedCode, Evidence::TrustedContact], 24),
    way(&[Evidence::TrustedContact, Evidence::Mail], 24),
    way(&[Evidence::Mail, Evidence::Totp], 24),
    way(&[Evidence::Mail, Evidence::SecondMail], 48),
    way(&[Evidence::SavedCode], 72),
    way(&[Evidence::TrustedContact, Evidence::Sms], 72),
    way(&[Evidence::Mail, Evidence::Sms], 72),
    way(&[Evidence::Sms, Evidence::Totp], 72),
];

impl Way {
    /// How long that is.
    pub const fn wait(self) -> Duration {
        Duration::from_secs(self.wait_hours as u64 * 3_600)
    }

    /// When it opens, given what was proven when; None while something is missing.
    fn opens_at(self, proven: &[(Evidence, Timestamp)]) -> Option<Timestamp> {
        let mut last = Timestamp(i64::MIN);
        for wanted in self.evidence {
            let (_, at) = proven.iter().find(|(evidence, _)| evidence == wanted)?;
            last = last.max(*at);
        }
        Some(last.plus(self.wait()))
    }
}

/// When the first way opens for which everything is proven; None while there is none.
pub fn opens_at(proven: &[(Evidence, Timestamp)]) -> Option<Timestamp> {
    WAYS.iter().filter_map(|way| way.opens_at(proven)).min()
}

#[cfg(test)]
mod tests {
    use super::Evidence::*;
    use super::*;

    fn hours(proven: &[Evidence]) -> Option<i64> {
        let proven: Vec<_> = proven.iter().map(|one| (*one, Timestamp(0))).collect();
        opens_at(&proven).map(|at| at.0 / 3_600_000_000)
    }

    #[test]
    fn nothing_alone_opens_at_once_and_only_a_saved_code_opens_alone_at_all() {
        for alone in [Totp, Password, Mail, Sms, TrustedContact] {
            assert_eq!(hours(&[alone]), None, "{alone:?}");
        }
        assert_eq!(hours(&[SavedCode]), Some(72));
    }

    #[test]
    fn a_text_message_shortens_nothing() {
        let others = [SavedCode, Totp, Password, Mail, SecondMail, TrustedContact];
        for set in 0..1 << others.len() {
            let without: Vec<_> = (0..others.len())
                .filter(|at| set >> at & 1 == 1)
                .map(|at| others[at])
                .collect();
            let with = [&without[..], &[Sms]].concat();
            match hours(&without) {
                Some(hours_without) => assert_eq!(hours(&with), Some(hours_without.min(72))),
                None => assert!(hours(&with).is_none_or(|hours| hours == 72), "{with:?}"),
            }
        }
    }

    #[test]
    fn a_password_and_the_mailbox_that_it_may_open_too_are_one_thing() {
        assert_eq!(hours(&[Password, Mail, Password]), None);
        assert_eq!(hours(&[Password, Totp]), None);
    }

    #[test]
    fn two_of_different_kinds_open_after_a_day_or_at_once_and_the_wait_runs_from_the_last() {
        assert_eq!(hours(&[SavedCode, Mail]), Some(0));
        assert_eq!(hours(&[SavedCode, Totp]), Some(0));
        assert_eq!(hours(&[TrustedContact, Mail]), Some(24));
        assert_eq!(hours(&[Mail, SecondMail]), Some(48));
        assert_eq!(hours(&[Mail, Sms]), Some(72));
        let hour = |n: i64| Timestamp(n * 3_600_000_000);
        let proven = [(Mail, hour(10)), (TrustedContact, hour(1))];
        assert_eq!(opens_at(&proven), Some(hour(34)));
    }

    #[test]
    fn every_way_that_asks_no_wait_needs_two_things() {
        for way in WAYS {
            assert!(way.wait_hours <= 72);
            assert!(way.wait_hours == 72 || way.evidence.len() == 2, "{way:?}");
            assert!(
                way.wait_hours == 72 || !way.evidence.contains(&Sms),
                "{way:?}"
            );
        }
    }
}
