//! Why there is no connection, and what who can do about it: each cause has its own remedy.

use std::io::ErrorKind;

/// What it comes from, as far as it can be known from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The name of the broker has no address.
    NotResolved,
    /// The host answers, and nothing listens at the port.
    Refused,
    /// No answer at all, or one too slow.
    TimedOut,
    /// There is no way into the network.
    NoNetwork,
    /// Our own files cannot be used.
    OwnFiles,
    /// Our own certificate has expired.
    OwnExpired,
    /// The broker does not take our certificate.
    OwnRefused,
    /// Our certificate is another device's.
    OwnForeign,
    /// The broker's certificate is from another CA.
    Issuer,
    /// The broker's certificate is for another name.
    Name,
    /// The broker's certificate is not valid at this time, or cannot be used.
    Certificate,
    /// What answers speaks something else.
    Stranger,
    /// The broker says what the client does not understand.
    Garbled,
    /// The broker ended the connection at a message that is longer than it takes.
    TooLong,
    /// The broker knows who asks, and refuses.
    Denied,
    /// Somebody else has our identity.
    TakenOver,
    /// The connection ended, which radio does all the time.
    Ended,
}

impl Cause {
    /// What to do.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Self::NotResolved => {
                "see that mqtt.url spells the broker's name right, and that the gateway has a network and a name server (getent hosts \
                 NAME); connecting goes on by itself"
            }
            Self::Refused => {
                "see that the broker runs, that mqtt.url has its port (usually 8883 with TLS, 1883 without), and that no firewall \
                 refuses it; connecting goes on by itself"
            }
            Self::TimedOut => {
                "see that the gateway is on line (modem, SIM, data plan), then that the broker's firewall lets its port through; \
                 connecting goes on by itself"
            }
            Self::NoNetwork => {
                "see the modem, its SIM and antenna, and the gateway's route (ip route); connecting goes on by itself"
            }
            Self::OwnFiles => {
                "gatestamp check names each fault and its remedy; the files are read again for each attempt"
            }
            Self::OwnExpired => {
                "have a new certificate issued, and put it in place with its key; the next attempt uses it"
            }
            Self::OwnRefused => {
                "see whether dispatch has removed this truck; have a certificate issued by the broker's CA, and put it in place with its \
                 key; the next attempt uses it"
            }
            Self::OwnForeign => {
                "put the certificate and key in place that were issued for this device, or mend truck.fleet and truck.id"
            }
            Self::Issuer => {
                "mqtt.ca has to name the CA of this broker: copy it from dispatch again. If it is the right one, somebody else answers at \
                 this address"
            }
            Self::Name => "mqtt.url has to name the broker as its certificate does; or have one issued for this name",
            Self::Certificate => "the broker needs a new certificate; if its dates are right, the time here is wrong",
            Self::Stranger => {
                "see whether this network wants a login (open a web page from it), and that mqtt.url has the broker's port and the right \
                 one of mqtt:// and mqtts://"
            }
            Self::Garbled => {
                "see the broker's log and its version: it has to speak MQTT 5; connecting goes on by itself"
            }
            Self::TooLong => {
                "raise the broker's limits for a packet (of Mosquitto: max_packet_size, message_size_limit), or have it announce them; \
                 an event that ends each connection is set aside, and the others go"
            }
            Self::Denied => {
                "see the broker's log, users and access control list: fleet, id and certificate have to be those of one truck"
            }
            Self::TakenOver => "give each gateway its own truck.id and its own certificate",
            Self::Ended => {
                "nothing, where radio is poor: connecting goes on by itself. If it stays so: see the network and the broker's log"
            }
        }
    }

    fn of(kind: ErrorKind) -> Self {
        #[expect(clippy::wildcard_enum_match_arm, reason = "of all errors of sockets these have a remedy of their own")]
        match kind {
            ErrorKind::ConnectionRefused => Self::Refused,
            ErrorKind::TimedOut => Self::TimedOut,
            ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable | ErrorKind::NetworkDown => Self::NoNetwork,
            _ => Self::Ended,
        }
    }
}

/// The connection is gone, or could not be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// What to mend.
    pub cause: Cause,
    /// In words.
    pub why: String,
}

impl Gone {
    /// For this reason.
    pub fn new(cause: Cause, why: impl Into<String>) -> Self {
        Self { cause, why: why.into() }
    }

    /// The same while our certificate is another device's, as `foreign` says: what the broker does then comes of that.
    pub fn beside(self, foreign: Option<String>) -> Self {
        let by_the_broker = matches!(self.cause, Cause::OwnRefused | Cause::Denied | Cause::TakenOver | Cause::Ended);
        match foreign.filter(|_| by_the_broker) {
            Some(foreign) => Self::new(Cause::OwnForeign, format!("{}; {foreign}", self.why)),
            None => self,
        }
    }

    /// An error of the socket, with what it belongs to.
    pub fn io(what: &str, error: &std::io::Error) -> Self {
        let what = if what.is_empty() { String::new() } else { format!("{what}: ") };
        Self::new(Cause::of(error.kind()), format!("{what}{error}"))
    }
}

/// What nobody knows more about.
impl From<String> for Gone {
    fn from(why: String) -> Self {
        Self::new(Cause::Ended, why)
    }
}
