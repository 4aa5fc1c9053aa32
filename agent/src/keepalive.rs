//! How long the link may be idle before it has to be proven.
//!
//! A ping costs 0.2 kB, and networks forget a connection that says nothing for so long. How long tells nobody, so it is learned: from how
//! connections end.
//!
//! ```text
//!  idle for the interval, and answered after it      it holds: after ten of those, across connections, a quarter longer
//!  idle for it, never answered, twice in a row       the network forgets sooner: a third shorter
//!  let go by the other end after the same idle       a proxy on the way does so: four fifths of that
//!    time, twice in a row
//!  idle for it and never answered, after it held     a hole in the radio: nothing is learned
//! ```
//! A longer interval begins with a new connection: MQTT says it in CONNECT. Nothing is kept over a restart.

/// So many idle intervals that were answered make the next connection try a longer one.
const HELD: u32 = 10;
/// After a failure nothing longer is tried for so many: an hour and more. The truck may be in another network by then.
const HELD_AFTER_FAILURE: u32 = 40;
/// So many connections in a row that never outlived an idle interval: one may have been the radio.
const SUSPECTS: u8 = 2;
/// Never shorter than this, unless what was configured is: 18.2 MB of a month of 31 days are spent on pings every 30 s (a test of the
/// budget has the figure).
pub const SHORTEST_S: u16 = 30;
/// The shortest that the configuration takes.
const CONFIGURED_MIN_S: u16 = 10;

/// How one connection went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lived {
    /// The interval that counted, seconds: ours, or the broker's.
    pub interval_s: u16,
    /// Idle intervals that were answered.
    pub answered: u32,
    /// The last idle interval never was, and nobody ended the connection in good order.
    pub died_idle: bool,
    /// The other end let go of it without a word after it had been idle for so long, seconds, and it had borne no longer time before.
    pub let_go_after_s: Option<u16>,
}

/// The interval, and what is known about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepAlive {
    now_s: u16,
    min_s: u16,
    max_s: u16,
    /// Nothing longer is tried for the time being.
    ceiling_s: u16,
    /// The longest that held.
    proven_s: u16,
    held: u32,
    suspects: u8,
    /// After how long an idle connection was let go last, seconds.
    let_go_after_s: Option<u16>,
}

impl KeepAlive {
    /// Begins with `start_s`, and tries no more than `max_s`.
    #[must_use]
    pub fn new(start_s: u16, max_s: u16) -> Self {
        let max_s = max_s.max(start_s);
        let min_s = SHORTEST_S.min((start_s - start_s / 3).max(CONFIGURED_MIN_S)).min(start_s);
        Self { now_s: start_s, min_s, max_s, ceiling_s: max_s, proven_s: 0, held: 0, suspects: 0, let_go_after_s: None }
    }

    /// The interval of the next connection.
    #[must_use]
    pub fn seconds(&self) -> u16 {
        self.now_s
    }

    /// A connection ended. Whether the interval changes.
    pub fn ended(&mut self, lived: Lived) -> bool {
        let before = self.now_s;
        let let_go_before = std::mem::replace(&mut self.let_go_after_s, lived.let_go_after_s);
        // The broker's own interval tells nothing about ours.
        if lived.interval_s == self.now_s {
            if let (Some(this), Some(that)) = (lived.let_go_after_s, let_go_before)
                && is_like(this, that)
            {
                self.lets_go_after(this.min(that));
            } else if lived.answered > 0 {
                self.holds(lived.answered);
            } else if lived.died_idle {
                self.fails();
            }
        }
        self.now_s != before
    }

    fn holds(&mut self, times: u32) {
        self.suspects = 0;
        self.proven_s = self.proven_s.max(self.now_s);
        self.held = self.held.saturating_add(times);
        if self.held >= HELD_AFTER_FAILURE {
            self.ceiling_s = self.max_s;
        }
        if self.held >= HELD && self.now_s < self.ceiling_s {
            self.held = 0;
            self.now_s = self.now_s.saturating_add(self.now_s / 4).min(self.ceiling_s);
        }
    }

    fn lets_go_after(&mut self, idle_s: u16) {
        let known = if self.proven_s < idle_s { self.proven_s } else { 0 };
        (self.suspects, self.held, self.proven_s) = (0, 0, known);
        self.now_s = (idle_s - idle_s / 5).clamp(self.min_s, self.now_s);
        self.ceiling_s = self.now_s;
    }

    fn fails(&mut self) {
        self.suspects += 1;
        if self.suspects < SUSPECTS {
            return;
        }
        (self.suspects, self.held) = (0, 0);
        let shorter = self.now_s - self.now_s / 3;
        // What held before holds again, unless it is the one that failed: then this is another network.
        let known = if self.proven_s < self.now_s { self.proven_s } else { 0 };
        self.proven_s = known;
        self.now_s = shorter.max(known).max(self.min_s);
        self.ceiling_s = self.now_s;
    }
}

/// Clocks of proxies are exact; brokers that stop, and others with our identity, come at any time.
fn is_like(this: u16, that: u16) -> bool {
    this.abs_diff(that) <= (this / 20).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A network that forgets after `forgets_s`: each connection is idle until it dies, or lives for `idles` intervals.
    fn connect(keep_alive: &mut KeepAlive, forgets_s: u16, idles: u32) -> u16 {
        let interval_s = keep_alive.seconds();
        let holds = interval_s < forgets_s;
        let answered = if holds { idles } else { 0 };
        keep_alive.ended(Lived { interval_s, answered, died_idle: !holds, let_go_after_s: None });
        keep_alive.seconds()
    }

    #[test]
    fn a_network_that_forgets_sooner_is_met_in_six_connections_and_not_fluttered_about() {
        let mut keep_alive = KeepAlive::new(180, 300);
        let tried: Vec<u16> = (0..8).map(|_| connect(&mut keep_alive, 65, 3)).collect();
        assert_eq!(tried, [180, 120, 120, 80, 80, 54, 54, 54]);
        // An hour of it holding; then one step is tried, in vain, and the next waits again.
        let tried: Vec<u16> = (0..40).map(|_| connect(&mut keep_alive, 65, 3)).collect();
        assert!(tried.iter().all(|&s| s == 54 || s == 67), "{tried:?}");
        assert!(tried.iter().filter(|&&s| s == 67).count() <= 6, "{tried:?}");
    }

    #[test]
    fn what_holds_is_tried_longer_up_to_the_bound() {
        let mut keep_alive = KeepAlive::new(120, 300);
        let tried: Vec<u16> = (0..6).map(|_| connect(&mut keep_alive, 3_600, 12)).collect();
        assert_eq!(tried, [150, 187, 233, 291, 300, 300]);
        let mut fixed = KeepAlive::new(120, 120);
        assert!((0..9).all(|_| connect(&mut fixed, 3_600, 100) == 120));
    }

    #[test]
    fn a_longer_one_that_fails_falls_back_to_the_one_that_held() {
        let mut keep_alive = KeepAlive::new(120, 300);
        let tried: Vec<u16> = (0..5).map(|_| connect(&mut keep_alive, 140, 12)).collect();
        assert_eq!(tried, [150, 150, 120, 120, 120]);
    }

    #[test]
    fn holes_in_the_radio_and_brokers_that_close_teach_nothing() {
        let mut keep_alive = KeepAlive::new(120, 300);
        for _ in 0..3 {
            assert!(
                !keep_alive.ended(Lived { interval_s: 120, answered: 2, died_idle: true, let_go_after_s: None }),
                "it held before"
            );
            assert!(
                !keep_alive.ended(Lived { interval_s: 120, answered: 0, died_idle: true, let_go_after_s: None }),
                "once is chance"
            );
        }
        for _ in 0..20 {
            assert!(!keep_alive.ended(Lived { interval_s: 120, answered: 0, died_idle: false, let_go_after_s: None }));
            assert!(
                !keep_alive.ended(Lived { interval_s: 60, answered: 0, died_idle: true, let_go_after_s: None }),
                "the broker's interval"
            );
        }
    }

    #[test]
    fn a_proxy_that_lets_go_of_what_is_idle_is_met_in_two_connections_and_chance_is_not_taken_for_one() {
        let let_go = |keep_alive: &mut KeepAlive, after_s| {
            let interval_s = keep_alive.seconds();
            keep_alive.ended(Lived { interval_s, answered: 0, died_idle: false, let_go_after_s: after_s });
            keep_alive.seconds()
        };
        let mut keep_alive = KeepAlive::new(240, 300);
        assert_eq!([61, 60, 60].map(|after_s| let_go(&mut keep_alive, Some(after_s))), [240, 48, 48]);
        let mut keep_alive = KeepAlive::new(240, 300);
        let tried = [Some(61), None, Some(60), Some(200), Some(90), Some(12), Some(9)];
        assert!(tried.iter().all(|after_s| let_go(&mut keep_alive, *after_s) == 240), "{keep_alive:?}");
        assert_eq!(let_go(&mut keep_alive, Some(9)), 30);
    }

    #[test]
    fn no_interval_leaves_its_bounds() {
        for start_s in [10, 12, 31, 60, 3_600] {
            let mut keep_alive = KeepAlive::new(start_s, start_s);
            let shortest = (0..99).map(|_| connect(&mut keep_alive, 1, 0)).min().unwrap();
            assert_eq!(shortest, SHORTEST_S.min((start_s - start_s / 3).max(CONFIGURED_MIN_S)), "{start_s}");
        }
        let mut longest = KeepAlive::new(65_535, 65_535);
        assert_eq!(connect(&mut longest, u16::MAX, u32::MAX), u16::MAX);
    }
}
