//! Why an event was not taken, and how long to wait before trying again.

use crate::time::Mono;
use geofence::Span;

/// Somebody has to change the broker's list. While the truck is being set up that somebody waits beside it; later nobody may come for
/// days: the first wait, which doubles up to the maximum.
const DENIED: Span = Span::seconds(60);
const DENIED_MAX: Span = Span::seconds(600);
/// Of our own making: the disk refuses the journal, or the client's queue is full.
pub(super) const LOCAL: Span = Span::seconds(10);
/// The broker is full, or nobody listens behind it; doubles up to the maximum.
const LATER: Span = Span::seconds(30);
const LATER_MAX: Span = Span::seconds(3_600);

/// Why an event was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It could not be handed to the client.
    Local,
    /// The broker took it and had nobody to give it to (reason 0x10): it is gone.
    NobodyListens,
    /// The broker does not let us write there (0x87, 0x90).
    Denied,
    /// The broker has no room, or another fault of its own (0x97, 0x80, 0x83).
    Quota,
    /// This broker does not take it: it is longer than the limit that it announced, the broker refuses the length or the contents (0x95,
    /// 0x99), ends each connection that it is sent on, or refuses it for hours while it takes the others. Another one may take it, or the
    /// same one once somebody has mended it.
    NotTaken,
    /// It can never be sent: the journal does not have it, or it is longer than any event may be.
    Unsendable,
}

impl Refusal {
    /// For people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Local => "events cannot be handed over at the moment",
            Self::NobodyListens => {
                "the broker takes events, but nobody is subscribed to them: is dispatch's receiver running?"
            }
            Self::Denied => {
                "the broker does not let this truck publish its events (not authorized): see its access control list"
            }
            Self::Quota => "the broker has no room for events, or a fault of its own: see its disk and its log",
            Self::NotTaken => "an event is longer than the broker takes",
            Self::Unsendable => "an event can never be sent",
        }
    }

    /// What to do.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Local => "wait; if it lasts, see what `journal` says",
            Self::NobodyListens => "on dispatch's computer: systemctl start gatestamp-receiver",
            Self::Denied => {
                "on dispatch's computer: gatestamp-receiver add-truck for this fleet and truck, then systemctl reload mosquitto"
            }
            Self::Quota => "on dispatch's computer: make room on the broker's disk, and see its log",
            Self::NotTaken => {
                "raise the broker's limits for a packet (of Mosquitto: max_packet_size, message_size_limit); if they are not reached, see \
                 the broker's log and its rules"
            }
            Self::Unsendable => "see what `journal` says",
        }
    }
}

/// Nothing is sent until then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// End of it.
    pub until: Mono,
    /// Why.
    pub why: Refusal,
    span: Span,
}

impl Pause {
    /// The pause after a refusal at `at`, `before` being the last one that no success ended.
    #[must_use]
    pub(super) fn after(before: Option<Self>, at: Mono, why: Refusal) -> Self {
        // The refusals of one window come together and are one.
        if let Some(pause) = before.filter(|pause| pause.why == why && at < pause.until) {
            return pause;
        }
        let doubled = |first: Span, max: Span| {
            let again = before.filter(|pause| pause.why == why).map(|pause| pause.span.0 * 2);
            Span(again.unwrap_or(first.0).min(max.0))
        };
        let span = match why {
            Refusal::Denied => doubled(DENIED, DENIED_MAX),
            Refusal::Local | Refusal::NotTaken | Refusal::Unsendable => LOCAL,
            Refusal::NobodyListens | Refusal::Quota => doubled(LATER, LATER_MAX),
        };
        Self { until: at.plus(span), why, span }
    }
}
