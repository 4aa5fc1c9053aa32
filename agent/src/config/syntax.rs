//! What somebody probably meant who wrote a line that is not TOML.

/// Quotation marks of print, as word processors put them in.
const TYPOGRAPHIC: [char; 10] = [
    '\u{2018}', '\u{2019}', '\u{201a}', '\u{201b}', '\u{201c}', '\u{201d}', '\u{201e}', '\u{201f}', '\u{ab}', '\u{bb}',
];
/// What other formats have for true and false.
const SWITCHES: [&str; 6] = ["yes", "no", "on", "off", "True", "False"];

/// What to do about `line`, of which the parser says `message`.
pub(super) fn remedy(message: &str, line: &str) -> &'static str {
    let line = line.trim();
    if message.contains("duplicate") {
        return "a key or section may stand there once: remove one of the two";
    }
    if line.contains(TYPOGRAPHIC) {
        return "write straight quotes, as in key = \"value\", not those of a word processor";
    }
    if line.starts_with('[') {
        return "write a section as [name], alone in its line";
    }
    let Some((_, value)) = line.split_once('=') else {
        return "write each setting as key = value";
    };
    let value = value.split('#').next().unwrap_or_default().trim();
    let unquoted = value.trim_start_matches(['+', '-']);
    let digits = unquoted.trim_start_matches(|c: char| c.is_ascii_digit() || c == '_').trim_start();
    match value {
        "" => "write a value behind the =",
        _ if value.contains('\\') => "write / instead of \\ in a path, or \\\\ where a backslash is meant",
        _ if value.matches('"').count() % 2 == 1 => "a text has quotes on both sides: key = \"value\"",
        _ if SWITCHES.contains(&value) => "write true or false",
        _ if digits.len() < unquoted.len() && digits.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
            "write the number alone: the unit is fixed, and the key's comment in the shipped configuration names it"
        }
        _ if !value.contains(['"', '\'']) => "put a text in quotes: key = \"value\"",
        _ => "see toml.io for the syntax",
    }
}

#[cfg(test)]
mod tests {
    use super::super::read;

    #[test]
    fn the_mistakes_of_beginners_have_remedies_and_show_their_line() {
        for (line, remedy) in [
            ("keep_alive_s = 120s", "the number alone"),
            ("journal_quota_mb = 64 MB", "the number alone"),
            ("simulation = yes", "true or false"),
            ("simulation = True # or not", "true or false"),
            ("fleet = \u{201c}acme\u{201d}", "straight quotes"),
            ("path = \"C:\\data\"", "/ instead of"),
            ("path = \"data", "both sides"),
            ("id = truck-7", "in quotes"),
            ("device = /dev/gnss", "in quotes"),
            ("device = 127.0.0.1:2947", "in quotes"),
            ("id: truck-7", "key = value"),
            ("id =", "behind the ="),
            ("[mqtt", "[name]"),
            ("id = \"b\"\nid = \"c\"", "one of the two"),
        ] {
            let faults = read("g.toml", &format!("{line}\n")).expect_err("must be refused");
            let shown = line.lines().last().unwrap().split('#').next().unwrap().trim();
            assert!(faults[0].what.contains(shown), "{line} is not in {}", faults[0].what);
            assert!(faults[0].remedy.contains(remedy), "{line}: {faults:?}");
        }
    }
}
