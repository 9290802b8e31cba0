//! An instant as people in Japan read it in a message.

use mamori_domain::world::Timestamp;

/// `11月28日 17:10`, or `28 November, 17:10 (Japan time)`.
pub(crate) fn in_words(at: Timestamp, locale: &str) -> String {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let (month, day) = month_and_day(at.day_in_japan());
    let minute_of_day = (at.seconds() + 9 * 3_600).rem_euclid(86_400) / 60;
    let (hour, minute) = (minute_of_day / 60, minute_of_day % 60);
    match locale {
        "en" => {
            let name = MONTHS[usize::try_from(month - 1).unwrap_or(0)];
            format!("{day} {name}, {hour:02}:{minute:02} (Japan time)")
        }
        _ => format!("{month}月{day}日 {hour:02}:{minute:02}"),
    }
}

/// Of a day counted since 1970-01-01. Years begin in March here, so that the leap day is the last one of a year.
fn month_and_day(days: i64) -> (i64, i64) {
    let of_era = (days + 719_468).rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    (if month < 10 { month + 3 } else { month - 9 }, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_told_in_the_time_of_japan() {
        for (seconds, ja, en) in [
            (0, "1月1日 09:00", "1 January, 09:00 (Japan time)"),
            (
                951_836_399,
                "2月29日 23:59",
                "29 February, 23:59 (Japan time)",
            ),
            (951_836_400, "3月1日 00:00", "1 March, 00:00 (Japan time)"),
            (
                1_795_853_400,
                "11月28日 17:10",
                "28 November, 17:10 (Japan time)",
            ),
            (
                1_798_729_199,
                "12月31日 23:59",
                "31 December, 23:59 (Japan time)",
            ),
        ] {
            let at = Timestamp::from_seconds(seconds);
            assert_eq!(in_words(at, "ja"), ja);
            assert_eq!(in_words(at, "en"), en);
        }
    }
}
