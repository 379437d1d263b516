//! Clients that are shown what all others run.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::client::{ClientEntry, Mail};
use crate::command::{Flags, Spec};
use crate::gate::{Gate, Reasons};
use crate::resp::Args;
use crate::server::Ran;

/// What stands in the place of a secret.
pub(crate) const REDACTED: &[u8] = b"(redacted)";

/// The clients that have sent `MONITOR`, by their ids.
#[derive(Debug, Default)]
pub(crate) struct Monitors(RwLock<BTreeMap<u64, Arc<ClientEntry>>>);

impl Monitors {
    /// Shows `client` every command from now on.
    pub(crate) fn add(&self, client: &Arc<ClientEntry>, gate: &Gate) {
        let mut clients = self.0.write().unwrap_or_else(PoisonError::into_inner);
        client.monitors.store(true, Ordering::Relaxed);
        clients.insert(client.id, Arc::clone(client));
        gate.raise(Reasons::MONITORED);
    }

    /// Ends that, if it ever began.
    pub(crate) fn remove(&self, client: &ClientEntry, gate: &Gate) {
        if !client.monitors.swap(false, Ordering::Relaxed) {
            return;
        }
        let mut clients = self.0.write().unwrap_or_else(PoisonError::into_inner);
        clients.remove(&client.id);
        if clients.is_empty() {
            gate.lower(Reasons::MONITORED);
        }
    }

    /// Shows a command that `client` ran. Those of administrators are not shown, as in Redis.
    #[cold]
    pub(crate) fn show(&self, ran: &Ran<'_>, client: &ClientEntry) {
        if ran.spec.flags.has(Flags::ADMIN) {
            return;
        }
        let clients = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let line: Arc<str> = line(ran, client, now).into();
        for monitor in clients.values() {
            monitor.post(Mail::Monitored(Arc::clone(&line)));
        }
    }
}

fn line(ran: &Ran<'_>, client: &ClientEntry, now: Duration) -> String {
    let (seconds, micros) = (now.as_secs(), now.subsec_micros());
    let mut line = String::with_capacity(64 + ran.args.bytes());
    let peer = &client.peer;
    // Nothing that is written to a string can fail.
    let _ = write!(line, "{seconds}.{micros:06} [{} {peer}]", ran.database);
    for (index, arg) in ran.args.iter().enumerate() {
        line.push_str(" \"");
        escape(if is_secret(ran.spec, ran.args, index) { REDACTED } else { arg }, &mut line);
        line.push('"');
    }
    line
}

/// Writes bytes so that they fit on a line, in the way of Redis.
fn escape(bytes: &[u8], line: &mut String) {
    for &byte in bytes {
        match byte {
            b'\\' | b'"' => line.extend(['\\', char::from(byte)]),
            b'\n' => line.push_str("\\n"),
            b'\r' => line.push_str("\\r"),
            b'\t' => line.push_str("\\t"),
            0x07 => line.push_str("\\a"),
            0x08 => line.push_str("\\b"),
            b' '..=b'~' => line.push(char::from(byte)),
            _ => {
                let _ = write!(line, "\\x{byte:02x}");
            }
        }
    }
}

/// Whether an argument is a password, or may be one.
pub(crate) fn is_secret(spec: &Spec, args: Args<'_>, index: usize) -> bool {
    match spec.name {
        _ if index == 0 => false,
        "auth" => true,
        // What follows AUTH, and all behind it, to be safe.
        "hello" => {
            index > 1 && args.iter().take(index).any(|arg| arg.eq_ignore_ascii_case(b"auth"))
        }
        "config|set" => args.at(index - 1).eq_ignore_ascii_case(b"requirepass"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_escaped_like_those_of_redis() {
        let mut line = String::new();
        escape(b"a \"b\" \\ \n\r\t\x07\x08\x00\xff", &mut line);
        assert_eq!(line, r#"a \"b\" \\ \n\r\t\a\b\x00\xff"#);
    }
}
