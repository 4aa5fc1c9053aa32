//! How does a configuration get values of its own and keep the comments of the shipped one?

/// The text with these values, each as section, key and TOML value. They take the place of lines that are there, commented out or not;
/// what has no line goes to the end of its section.
pub(super) fn assign(text: &str, values: &[(&str, &str, String)]) -> String {
    let mut assigned = String::new();
    for section in text.split_inclusive('\n').fold(Vec::<String>::new(), sections) {
        let name = section.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or("", |(name, _)| name);
        let mut wanted: Vec<_> = values.iter().filter(|(table, ..)| *table == name).collect();
        for line in section.lines() {
            let key = line.strip_prefix('#').unwrap_or(line).split_once(" = ").map(|(key, _)| key);
            match wanted.iter().position(|(_, name, _)| Some(*name) == key) {
                Some(at) => assigned.push_str(&setting(wanted.remove(at))),
                None => assigned.push_str(&format!("{line}\n")),
            }
        }
        wanted.into_iter().for_each(|value| assigned.push_str(&setting(value)));
    }
    assigned
}

fn setting((_, name, value): &(&str, &str, String)) -> String {
    format!("{name} = {value}\n")
}

/// Collects lines into sections, each from its heading on.
fn sections(mut all: Vec<String>, line: &str) -> Vec<String> {
    match all.last_mut() {
        Some(last) if !line.starts_with('[') => last.push_str(line),
        _ => all.push(line.to_owned()),
    }
    all
}
