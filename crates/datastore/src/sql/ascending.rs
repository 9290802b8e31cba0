//! The one rule that lets a statement run unchanged on both databases: parameters appear in ascending order.
//!
//! PostgreSQL numbers `$1, $2, ..`; SQLite takes them as names and counts them by first appearance. Both agree exactly
//! when the first uses ascend without a gap, so that is demanded of every statement.

/// True when the first uses of `$1, $2, ..` in a statement ascend by one.
///
/// Texts in quotes are skipped. A statement without parameters passes.
pub fn parameters_ascend(sql: &str) -> bool {
    let mut highest = 0_u32;
    let mut quoted = false;
    let mut bytes = sql.bytes().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\'' => quoted = !quoted,
            b'$' if !quoted => {
                let mut number = 0_u32;
                while let Some(digit) = bytes.next_if(u8::is_ascii_digit) {
                    number = number
                        .saturating_mul(10)
                        .saturating_add(u32::from(digit - b'0'));
                }
                if number == 0 || number > highest + 1 {
                    return false;
                }
                highest = highest.max(number);
            }
            _ => {}
        }
    }
    true
}

pub(super) fn debug_assert_ascending(sql: &str) {
    debug_assert!(
        parameters_ascend(sql),
        "first uses of parameters must ascend: {sql}"
    );
}

#[cfg(test)]
mod tests {
    use super::parameters_ascend;

    #[test]
    fn first_uses_must_ascend_and_later_uses_are_free() {
        assert!(parameters_ascend("SELECT 1"));
        assert!(parameters_ascend("SELECT $1, $2, $1, $3"));
        assert!(parameters_ascend("SELECT '$9', $1"));
        assert!(!parameters_ascend("SELECT $2, $1"));
        assert!(!parameters_ascend("SELECT $1, $3"));
        assert!(!parameters_ascend("SELECT $0"));
    }
}
