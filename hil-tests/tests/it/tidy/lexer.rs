//! Just enough of Rust's grammar to know code from comments and strings, and a name from a part of one.

/// What a Rust file does: its text without comments and, unless `strings`, without what is in quotes. Lines stay where they are.
pub(super) fn code(text: &str, strings: bool) -> String {
    let chars: Vec<char> = text.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let mut out = String::new();
    let mut i = 0;
    while i < chars.len() {
        let end = match (at(i), at(i + 1)) {
            ('/', '/') => (i..chars.len()).find(|&j| at(j) == '\n').unwrap_or(chars.len()),
            ('/', '*') => {
                (i + 2..chars.len()).find(|&j| at(j) == '*' && at(j + 1) == '/').map_or(chars.len(), |j| j + 2)
            }
            ('r', '"' | '#') if !is_name(at(i.wrapping_sub(1))) || at(i.wrapping_sub(1)) == 'b' => {
                end_of_raw_string(&chars, i)
            }
            ('"', _) => end_of_quote(&chars, i),
            // A quote that is closed at once is a character; any other begins a lifetime.
            ('\'', '\\') => end_of_quote(&chars, i),
            ('\'', _) if at(i + 2) == '\'' => i + 3,
            _ => i,
        };
        if end == i {
            out.push(at(i));
            i += 1;
            continue;
        }
        let keep = strings && at(i) != '/';
        out.extend(chars.iter().take(end).skip(i).filter(|&&c| keep || c == '\n'));
        i = end;
    }
    out
}

fn end_of_quote(chars: &[char], start: usize) -> usize {
    let quote = chars.get(start);
    let mut i = start + 1;
    while i < chars.len() && chars.get(i) != quote {
        i += if chars.get(i) == Some(&'\\') { 2 } else { 1 };
    }
    i + 1
}

fn end_of_raw_string(chars: &[char], start: usize) -> usize {
    let hashes = chars.iter().skip(start + 1).take_while(|&&c| c == '#').count();
    if chars.get(start + 1 + hashes) != Some(&'"') {
        return start; // `r#type` is a name
    }
    let close: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    let body = start + hashes + 2;
    (body..chars.len())
        .find(|&j| chars.iter().skip(j).take(hashes + 1).eq(&close))
        .map_or(chars.len(), |j| j + hashes + 1)
}

/// The code that ships: nothing from the test module on, which stands at the end of a file.
pub(super) fn shipped(text: &str) -> String {
    let code = code(text, false);
    let mut from = 0;
    while let Some(found) = code.get(from..).and_then(|rest| rest.find("#[cfg(test)]")) {
        let after = from + found + "#[cfg(test)]".len();
        let item = code
            .get(after..)
            .unwrap_or_default()
            .lines()
            .find(|line| !line.trim().is_empty() && !line.trim().starts_with("#["));
        if item.is_some_and(|item| item.trim_start().starts_with("mod ") && item.contains('{')) {
            return code.get(..from + found).unwrap_or_default().to_owned();
        }
        from = after;
    }
    code
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Where `word` stands on its own: neither the beginning nor the end of a longer name.
pub(super) fn says<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> {
    text.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let before = text.get(..at).and_then(|s| s.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|s| s.chars().next());
        let begins_inside = word.starts_with(is_name) && before.is_some_and(is_name);
        let ends_inside = word.ends_with(is_name) && after.is_some_and(is_name);
        !begins_inside && !ends_inside
    })
}

/// The modules of `std` that are named, through `std::fs::..` as well as `use std::{fs, env}`, with where.
pub(super) fn std_modules(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for at in says(code, "std::") {
        let rest = code.get(at + "std::".len()..).unwrap_or_default();
        let paths = rest.strip_prefix('{').map_or_else(|| vec![rest], members);
        found.extend(paths.into_iter().map(|path| (at, first_name(path))));
    }
    found
}

/// The parts between the commas of a `{..}` whose brace is already gone; inner braces stay whole.
fn members(group: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                parts.push(group.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => {}
        }
        if c == '}' && start == at + 1 {
            break; // the group is closed
        }
    }
    parts
}

fn first_name(path: &str) -> String {
    path.trim_start().chars().take_while(|&c| is_name(c)).collect()
}
