//! Times as people read them.

use chrono::{DateTime, SecondsFormat};

/// Milliseconds since the Unix epoch as UTC, `2026-11-22T13:22:18.041Z`.
pub(super) fn utc(unix_ms: u64) -> String {
    match i64::try_from(unix_ms).ok().and_then(DateTime::from_timestamp_millis) {
        Some(time) => time.to_rfc3339_opts(SecondsFormat::Millis, true),
        None => format!("{unix_ms} ms"),
    }
}
