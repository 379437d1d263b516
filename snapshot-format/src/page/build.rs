//! Building the payload of a record page in place.

use std::ops::Range;

use rkyv::rend::{u32_le, u64_le};

use super::archive::{RecordColumns, Run, complete, records_payload_max};
use crate::hash::HashRange;
use crate::record::{Record, RecordKind, kind_byte};

/// A record page under construction.
///
/// Keys and values are copied once, to their place in the payload; the short columns are gathered
/// beside it and appended when the page is completed. All column memory is allocated up front, so
/// that [`push`](Self::push) can run under an epoch guard.
#[derive(Debug)]
pub(crate) struct RecordsBuilder {
    database: u16,
    hashes: HashRange,
    run_bytes: usize,
    last_key: Range<usize>,
    expires_at: Vec<u64_le>,
    expiring: Vec<u32_le>,
    key_bytes: Vec<u32_le>,
    value_bytes: Vec<u32_le>,
    kinds: Vec<u8>,
}

impl RecordsBuilder {
    /// A builder for pages of at most `raw_bytes_target` bytes of payload, or of a single record.
    pub(crate) fn new(raw_bytes_target: usize) -> Self {
        // Nine bytes is the least that a record takes.
        let records_max = raw_bytes_target / 9 + 1;
        Self {
            database: 0,
            hashes: HashRange::new(0, 0),
            run_bytes: 0,
            last_key: 0..0,
            expires_at: Vec::with_capacity(records_max),
            expiring: Vec::with_capacity(records_max),
            key_bytes: Vec::with_capacity(records_max),
            value_bytes: Vec::with_capacity(records_max),
            kinds: Vec::with_capacity(records_max),
        }
    }

    /// Number of records in the page.
    #[inline]
    pub(crate) fn records(&self) -> u32 {
        self.kinds.len() as u32
    }

    /// Whether the page holds no record.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// Database of the page's records.
    #[inline]
    pub(crate) fn database(&self) -> u16 {
        self.database
    }

    /// First and last hash of the page's records.
    pub(crate) fn hashes(&self) -> HashRange {
        self.hashes
    }

    /// The key pushed last, in `payload`.
    pub(crate) fn last_key<'p>(&self, payload: &'p [u8]) -> &'p [u8] {
        &payload[self.last_key.clone()]
    }

    /// Longest payload that the page has once `record` is in it.
    #[inline]
    pub(crate) fn payload_max_with(&self, record: &Record<'_>) -> usize {
        let expiring = self.expiring.len() + usize::from(record.expires_at_unix_ms.is_some());
        let run = self.run_bytes + record.key.len() + record.value.len();
        records_payload_max(run, self.kinds.len() + 1, expiring)
    }

    /// Copies `record` to the end of the run in `payload`, which has room for it.
    #[inline]
    pub(crate) fn push(&mut self, record: &Record<'_>, payload: &mut [u8]) {
        if self.is_empty() {
            self.database = record.database;
            self.hashes.first = record.hash;
        }
        self.hashes.last = record.hash;
        if let Some(at) = record.expires_at_unix_ms {
            self.expiring.push(u32_le::from_native(self.records()));
            self.expires_at.push(u64_le::from_native(at));
        }
        let key_end = self.run_bytes + record.key.len();
        let value_end = key_end + record.value.len();
        payload[self.run_bytes..key_end].copy_from_slice(record.key);
        payload[key_end..value_end].copy_from_slice(record.value);
        self.key_bytes.push(u32_le::from_native(record.key.len() as u32));
        self.value_bytes.push(u32_le::from_native(record.value.len() as u32));
        self.kinds.push(kind_byte(RecordKind::Whole, record.value_type));
        self.last_key = self.run_bytes..key_end;
        self.run_bytes = value_end;
    }

    /// Appends the columns to the run in `payload`, and returns the payload's length.
    pub(crate) fn complete(&self, payload: &mut [u8]) -> usize {
        let columns = RecordColumns {
            run: Run { bytes: self.run_bytes },
            expires_at: &self.expires_at,
            expiring: &self.expiring,
            key_bytes: &self.key_bytes,
            value_bytes: &self.value_bytes,
            kinds: &self.kinds,
        };
        complete(&columns, self.run_bytes, payload)
    }

    /// Begins a new page.
    pub(crate) fn clear(&mut self) {
        self.run_bytes = 0;
        self.last_key = 0..0;
        self.expires_at.clear();
        self.expiring.clear();
        self.key_bytes.clear();
        self.value_bytes.clear();
        self.kinds.clear();
    }
}
