//! Just enough of Rust's grammar to tell code from words about code.

/// The same text with comments, strings and characters blanked: every remaining word is code. Lines keep their numbers.
pub fn blank_comments_and_strings(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = match chars[at] {
            '/' if chars.get(at + 1) == Some(&'/') => line_end(&chars, at),
            '/' if chars.get(at + 1) == Some(&'*') => block_comment_end(&chars, at),
            '"' => string_end(&chars, at + 1),
            'r' if !follows_word(&chars, at) => match raw_string_end(&chars, at) {
                Some(end) => end,
                None => at,
            },
            '\'' => char_end(&chars, at),
            _ => at,
        };
        if end == at {
            out.push(chars[at]);
            at += 1;
        } else {
            out.extend(
                chars[at..end]
                    .iter()
                    .map(|c| if *c == '\n' { '\n' } else { ' ' }),
            );
            at = end;
        }
    }
    out
}

fn line_end(chars: &[char], at: usize) -> usize {
    chars[at..]
        .iter()
        .position(|c| *c == '\n')
        .map_or(chars.len(), |n| at + n)
}

/// Block comments nest in Rust.
fn block_comment_end(chars: &[char], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0);
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => {
                depth += 1;
                at += 2;
            }
            ('*', Some('/')) => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    at
}

fn string_end(chars: &[char], mut at: usize) -> usize {
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

fn raw_string_end(chars: &[char], at: usize) -> Option<usize> {
    let hashes = chars[at + 1..].iter().take_while(|c| **c == '#').count();
    let open = at + 1 + hashes;
    if chars.get(open) != Some(&'"') {
        return None;
    }
    let mut close = open + 1;
    while close < chars.len() {
        if chars[close] == '"'
            && chars[close + 1..]
                .iter()
                .take(hashes)
                .filter(|c| **c == '#')
                .count()
                == hashes
        {
            return Some(close + 1 + hashes);
        }
        close += 1;
    }
    Some(chars.len())
}

/// `'a'` and `'\n'` are characters, `'a` is a lifetime and stays.
fn char_end(chars: &[char], at: usize) -> usize {
    match (chars.get(at + 1), chars.get(at + 2)) {
        (Some('\\'), Some(_)) => {
            let close = chars[at + 3..].iter().position(|c| *c == '\'');
            close.map_or(chars.len(), |n| at + 3 + n + 1)
        }
        (Some(_), Some('\'')) => at + 3,
        _ => at,
    }
}

fn follows_word(chars: &[char], at: usize) -> bool {
    // The `r` of `br"…"` begins a raw string, the `r` of `for` does not.
    let before = at.checked_sub(1).map(|n| chars[n]);
    let before = if before == Some('b') {
        at.checked_sub(2).map(|n| chars[n])
    } else {
        before
    };
    before.is_some_and(|c| c.is_alphanumeric() || c == '_')
}

/// For each line of blanked code, whether it belongs to an item under `#[cfg(test)]`.
pub fn test_regions(code: &str) -> Vec<bool> {
    let mut in_test = vec![false; code.lines().count()];
    let line_of = |at: usize| code[..at].matches('\n').count();
    let mut from = 0;
    while let Some(found) = code[from..].find("#[cfg(test)]") {
        let start = from + found;
        let body = start + "#[cfg(test)]".len();
        let end = item_end(code, body);
        in_test[line_of(start)..=line_of(end - 1)].fill(true);
        from = end;
    }
    in_test
}

/// Where the item that begins at `start` ends: at its `;`, or at the brace that closes its first one.
fn item_end(code: &str, start: usize) -> usize {
    let mut depth = 0usize;
    for (at, c) in code[start..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return start + at + 1;
                }
            }
            ';' if depth == 0 => return start + at + 1,
            _ => {}
        }
    }
    code.len()
}

/// The identifiers of a line, keywords included.
pub fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, words_left: &[&str]) {
        let blanked = blank_comments_and_strings(text);
        assert_eq!(blanked.lines().count(), text.lines().count());
        assert_eq!(
            words(&blanked).collect::<Vec<_>>(),
            words_left,
            "{blanked:?}"
        );
    }

    #[test]
    fn comments_and_literals_are_blanked_and_code_stays() {
        check("a // b\nc", &["a", "c"]);
        check("a /* b /* c */ d */ e", &["a", "e"]);
        check(r#"a("b \" c") d"#, &["a", "d"]);
        check(r##"a(r#"b " c"#) d"##, &["a", "d"]);
        check(r##"a(br"b") d"##, &["a", "b", "d"]);
        check("a('b') + '\\n' + '\\'' d", &["a", "d"]);
        check(
            "fn f<'a>(x: &'a str) {}",
            &["fn", "f", "a", "x", "a", "str"],
        );
        check("for x in y { r }", &["for", "x", "in", "y", "r"]);
    }

    #[test]
    fn a_test_block_ends_with_its_brace() {
        let code = "fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() {}\n}\nfn c() {}\n#[cfg(test)]\nuse x;\nfn d() {}\n";
        assert_eq!(
            test_regions(code),
            [false, true, true, true, true, false, true, true, false]
        );
    }
}
