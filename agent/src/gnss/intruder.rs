//! Does another program talk to the receiver's port?
//!
//! `ModemManager` opens new serial ports and asks them AT commands; a modem, and a receiver that echoes, sends them back. Lines that
//! begin with `AT` and end in a carriage return are no sentence of any receiver.

/// Longer lines are no AT commands: `AT+CGMI`, `ATE0`, `AT+GCAP` and the like are short.
const LINE_MAX: usize = 32;

/// Counts AT commands in what the port gives.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Intruder {
    line: heapless::Vec<u8, LINE_MAX>,
    too_long: bool,
    commands: u64,
}

impl Intruder {
    /// More bytes. Whether a command was among them.
    pub fn heard(&mut self, bytes: &[u8]) -> bool {
        let before = self.commands;
        for &byte in bytes {
            if byte == b'\r' || byte == b'\n' {
                let command = byte == b'\r' && !self.too_long && is_command(&self.line);
                self.commands = self.commands.saturating_add(u64::from(command));
                self.line.clear();
                self.too_long = false;
            } else if self.line.push(byte).is_err() {
                self.too_long = true;
            }
        }
        self.commands > before
    }

    /// How many there were.
    #[must_use]
    pub fn commands(&self) -> u64 {
        self.commands
    }
}

fn is_command(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"AT") else { return false };
    let text = rest.iter().all(|byte| (0x20..=0x7e).contains(byte));
    // The bare attention, or what V.250 (5.2) lets follow it.
    text && rest.first().is_none_or(|first| b"+&EQVZISX".contains(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_modem_manager_asks_is_counted_and_no_sentence_is() {
        let mut intruder = Intruder::default();
        assert!(intruder.heard(b"$GPGLL,,,,,235958,V*06\r\nAT\r"));
        assert!(!intruder.heard(b"AT+CG"));
        assert!(intruder.heard(b"MI\rATE0\r"));
        assert!(!intruder.heard(b"$GPTXT,ATTENTION*00\r\nATMEGA\r\nBAT\rAT\xff\r"));
        assert!(!intruder.heard(&[b'A'; 4_096]));
        assert_eq!(intruder.commands(), 3);
    }
}
