//! The switch that makes time private: a file that is there or not.

use super::Daemon;
use crate::recording::Recorded;
use crate::time::Mono;
use geofence::Span;
use std::path::PathBuf;

/// It is looked for this often; so much of private time may be recorded before it is seen.
const LOOK_EVERY: Span = Span::seconds(1);

/// Private time ends only after the file has been away for so long: a contact that flutters makes one event a minute and not one a second.
const ENDS_AFTER: Span = Span::seconds(60);

/// The switch, and how it was seen last.
#[derive(Debug)]
pub(super) struct Switch {
    file: Option<PathBuf>,
    looked: Option<Mono>,
    on: bool,
    /// The file has been seen to be away since then.
    away: Option<Mono>,
    warned: bool,
}

impl Switch {
    /// Nothing is private without a file. `was_private`: when the last run ended. Until the file has been looked for, it still is.
    pub(super) fn new(file: Option<PathBuf>, was_private: bool) -> Self {
        Self { file, looked: None, on: was_private, away: None, warned: false }
    }

    /// Whether time is private at `at`: as soon as the file is there, and until it has been away for a minute. Where it cannot be asked for,
    /// it is as it was.
    pub(super) fn is_on(&mut self, at: Mono) -> bool {
        let Some(file) = &self.file else { return false };
        if self.looked.is_some_and(|then| at - then < LOOK_EVERY) {
            return self.on;
        }
        self.looked = Some(at);
        match file.try_exists() {
            Ok(true) => (self.on, self.away, self.warned) = (true, None, false),
            Ok(false) => {
                let since = *self.away.get_or_insert(at);
                self.on = self.on && at - since < ENDS_AFTER;
                self.warned = false;
            }
            Err(error) if !self.warned => {
                (self.away, self.warned) = (None, true);
                tracing::warn!(%error, file = %file.display(), "the privacy switch cannot be looked for; time stays as it is");
            }
            Err(_) => self.away = None,
        }
        self.on
    }
}

impl Daemon {
    /// Follows the switch. `waiting`: what the receiver said before now has not been looked at yet, and is private where this moment is.
    pub(super) fn follow_switch(&mut self, now: Mono, waiting: bool) {
        let on = self.switch.is_on(now);
        if on == self.engine.state().is_private() || waiting && !on {
            return;
        }
        tracing::info!(on, "private time");
        // Nothing may be recorded as if it came after what waits.
        self.recorded(Recorded::Private(if waiting { self.last_input } else { now }, on));
        self.private_until = now;
        self.news = true;
    }

    /// Whether bytes that arrived at `at` are neither kept nor looked at.
    pub(super) fn withholds(&self, at: Mono) -> bool {
        self.engine.state().is_private() || at <= self.private_until && self.private_until > Mono(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_private_while_the_file_is_there_and_stays_as_it_is_where_that_cannot_be_seen() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("run");
        std::fs::create_dir(&folder).unwrap();
        let mut switch = Switch::new(Some(folder.join("private")), false);
        assert!(!switch.is_on(Mono(0)));
        std::fs::write(folder.join("private"), "").unwrap();
        assert!(!switch.is_on(Mono(999)), "once a second");
        assert!(switch.is_on(Mono(1_000)));
        // A file in the place of its folder: neither there nor not.
        std::fs::rename(&folder, dir.path().join("away")).unwrap();
        std::fs::write(&folder, "").unwrap();
        assert!(switch.is_on(Mono(2_000)) && switch.warned);
        std::fs::remove_file(&folder).unwrap();
        assert!(switch.is_on(Mono(3_000)) && switch.is_on(Mono(62_000)) && !switch.is_on(Mono(63_000)));
        assert!(!Switch::new(None, true).is_on(Mono(0)));
    }

    #[test]
    fn what_was_private_when_the_last_run_ended_stays_so_until_the_file_has_been_away() {
        let dir = tempfile::tempdir().unwrap();
        let not_a_folder = dir.path().join("run");
        std::fs::write(&not_a_folder, "").unwrap();
        for was_private in [true, false] {
            let mut unseen = Switch::new(Some(not_a_folder.join("private")), was_private);
            assert_eq!((unseen.is_on(Mono(0)), unseen.is_on(Mono(3_600_000))), (was_private, was_private));
            let mut switch = Switch::new(Some(dir.path().join("private")), was_private);
            assert_eq!((switch.is_on(Mono(0)), switch.is_on(Mono(60_000))), (was_private, false));
        }
    }

    #[test]
    fn a_switch_that_flutters_changes_nothing_until_it_has_been_off_for_a_minute() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("private");
        let mut switch = Switch::new(Some(file.clone()), false);
        assert!(!switch.is_on(Mono(0)));
        for second in 1..600 {
            if second % 59 == 1 {
                std::fs::write(&file, "").unwrap();
            } else if second % 59 == 2 {
                std::fs::remove_file(&file).unwrap();
            }
            assert!(switch.is_on(Mono(second * 1_000)), "second {second}");
        }
        // Away since second 592.
        assert!(switch.is_on(Mono(651_000)) && !switch.is_on(Mono(652_000)));
        std::fs::write(&file, "").unwrap();
        assert!(switch.is_on(Mono(653_000)), "it begins at once");
    }
}
