//! Why a source gives nothing: one named state each, and what a technician in the cab does about it.

use std::fmt;

/// What is wrong with the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The device is not there, or went away.
    Unplugged,
    /// Another program has the port for itself.
    Busy,
    /// The port may not be opened.
    Forbidden,
    /// What the configuration names is no serial port, or the port does not take its settings.
    NotAPort,
    /// Nobody listens at gpsd's address.
    GpsdRefused,
    /// gpsd was there and is gone, or does not answer.
    GpsdDied,
    /// gpsd runs and has no receiver.
    GpsdNoDevice,
    /// The recording is at its end.
    Over,
    /// The recording cannot be read.
    Unreadable,
}

impl Kind {
    /// The word for it in `health` and `status`.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Unplugged => "unplugged",
            Self::Busy => "opened_by_another_program",
            Self::Forbidden => "no_permission",
            Self::NotAPort => "not_a_serial_port",
            Self::GpsdRefused => "gpsd_refused",
            Self::GpsdDied => "gpsd_died",
            Self::GpsdNoDevice => "gpsd_has_no_receiver",
            Self::Over => "recording_over",
            Self::Unreadable => "recording_unreadable",
        }
    }

    /// What to do. Nothing of it needs the agent: it tries again by itself.
    pub(crate) const fn remedy(self) -> &'static str {
        match self {
            Self::Unplugged => {
                "check the receiver's plug and cable, and that gnss.device names it (ls -l /dev/gnss); it is found again by itself"
            }
            Self::Busy => {
                "stop the program that is named, or keep it off the port for good (the packaged udev rule does, for ModemManager \
                 and getty); the port is opened by itself once it is free"
            }
            Self::Forbidden => "let the user gatestamp open the port: it must belong to the group dialout, mode 0660",
            Self::NotAPort => "name the receiver's serial port as gnss.device; dmesg | grep tty shows which there are",
            Self::GpsdRefused => {
                "start gpsd (systemctl start gpsd), or correct gnss.device, its address; connecting goes on by itself"
            }
            Self::GpsdDied => {
                "look at gpsd's log (journalctl -u gpsd) and start it again; the connection comes back by itself"
            }
            Self::GpsdNoDevice => {
                "check the receiver's plug, and that gpsd knows its port (DEVICES in /etc/default/gpsd); it is found by itself"
            }
            Self::Over => "nothing: the whole recording was played; start again to play it once more",
            Self::Unreadable => "name a recording that exists and can be read as gnss.device",
        }
    }
}

/// A trouble, and what the system says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) kind: Kind,
    pub(crate) why: String,
}

impl Trouble {
    pub(crate) fn new(kind: Kind, why: impl Into<String>) -> Self {
        Self { kind, why: why.into() }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}
