//! Do the help, the README and the package speak of the folder that the service looks at?

use std::process::Command;

use crate::rig::process::PROGRAM;

const UNIT: &str = include_str!("../../../systemd/gatestamp-receiver.service");
const TEXTS: [(&str, &str); 5] = [
    ("gatestamp-receiver.service", UNIT),
    ("README.md", include_str!("../../../README.md")),
    ("postinst", include_str!("../../../deb/postinst")),
    ("postrm", include_str!("../../../deb/postrm")),
    ("receiver.toml", include_str!("../../receiver.toml")),
];
const HELP: [&[&str]; 6] = [
    &["--help"],
    &["init", "--help"],
    &["run", "--help"],
    &["check", "--help"],
    &["backup", "--help"],
    &["add-truck", "--help"],
];

/// Every absolute path below /etc and /var in which the dispatcher's side is meant; those of the broker and of the truck are others'.
fn paths(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| c.is_whitespace() || "`\"'()|,;:=".contains(c));
    let own = |path: &&str| {
        let names = ["gatestamp-dispatch", "gatestamp-receiver"];
        ["/etc/", "/var/"].iter().any(|top| path.starts_with(top)) && names.iter().any(|name| path.contains(name))
    };
    words.map(|word| word.trim_start_matches('-').trim_end_matches('.')).filter(own)
}

/// What offends: a path that is not in the folder.
fn strange<'a>(text: &'a str, folder: &str) -> Vec<&'a str> {
    let inside = |path: &&str| path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    paths(text).filter(|path| !inside(path)).collect()
}

#[test]
fn the_folder_of_the_service_is_the_folder_of_every_document() {
    let condition = UNIT.lines().find_map(|line| line.strip_prefix("ConditionPathExists="));
    let config = condition.expect("the unit has one");
    let folder = config.strip_suffix("/receiver/receiver.toml").expect("as `init` makes it");
    assert!(UNIT.contains(&format!("run --config {config}\n")));
    assert_eq!(strange("(/etc/gatestamp-receiver/x).", folder), ["/etc/gatestamp-receiver/x"]);
    assert_eq!(strange("/var/lib/gatestamp-dispatch2", folder), ["/var/lib/gatestamp-dispatch2"]);
    let mut named = 0;
    for (name, text) in TEXTS {
        assert_eq!(strange(text, folder), [""; 0], "{name}");
        named += paths(text).count();
    }
    for arguments in HELP {
        let done = Command::new(PROGRAM).args(arguments).output().expect("the program runs");
        let help = String::from_utf8(done.stdout).expect("UTF-8");
        assert_eq!(strange(&help, folder), [""; 0], "{arguments:?}");
        named += paths(&help).count();
    }
    assert!(named > 20, "the paths were not found: {named}");
}
