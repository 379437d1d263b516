//! Checks of single flags beyond their type. Each returns the end of a sentence that begins with
//! the flag and its value.

use std::net::IpAddr;

use exuvia::format::NameTemplate;
use exuvia::schedule::{Schedule, Zone};
use exuvia_storage_s3::{Endpoint, PART_BYTES_MAX, PART_BYTES_MIN, S3Location};

use super::kind::FlagValue;
use crate::client::Bounds;
use crate::events::Classes;

/// May end the name of snapshots in Redis's format.
pub(super) const RDB_EXTENSION: &str = ".rdb";

/// Least memory that a save can work with.
const BUFFER_BYTES_MIN: u64 = 4 << 20;

pub(super) fn bind(value: &FlagValue) -> Result<(), String> {
    let FlagValue::Text(text) = value else { return Ok(()) };
    addresses(text).map(drop)
}

/// The addresses in the value of `bind`.
pub(super) fn addresses(text: &str) -> Result<Vec<IpAddr>, String> {
    let words = text.split([',', ' ']).filter(|word| !word.is_empty());
    let addresses: Result<Vec<IpAddr>, _> = words
        .map(|word| match word {
            "localhost" => Ok(IpAddr::from([127, 0, 0, 1])),
            "*" => Ok(IpAddr::from([0, 0, 0, 0])),
            word => word.parse(),
        })
        .collect();
    match addresses {
        Ok(addresses) if !addresses.is_empty() => Ok(addresses),
        _ => Err("is not accepted; accepted: IP addresses separated by commas or blanks, as \
                  127.0.0.1 or 0.0.0.0"
            .to_owned()),
    }
}

pub(super) fn dir(value: &FlagValue) -> Result<(), String> {
    let FlagValue::Text(text) = value else { return Ok(()) };
    if crate::place::is_s3(text) {
        let location = S3Location::parse(text);
        return location.map(drop).map_err(|error| error.reason().to_owned());
    }
    if let Some((scheme, _)) = text.split_once("://") {
        return Err(format!(
            "names a place by '{scheme}'; accepted: a local directory, or s3://bucket/prefix"
        ));
    }
    if text.starts_with(['"', '\'']) {
        return Err("begins with a quote; values are taken literally, so leave quotes out of the \
                    flag file"
            .to_owned());
    }
    if text.contains('\0') {
        return Err("contains a NUL character; accepted: a local directory".to_owned());
    }
    Ok(())
}

pub(super) fn dbfilename(value: &FlagValue) -> Result<(), String> {
    let FlagValue::Text(text) = value else { return Ok(()) };
    if text.is_empty() {
        return Ok(());
    }
    if text.starts_with(['"', '\'']) {
        return Err("begins with a quote; values are taken literally, so leave quotes out of the \
                    flag file"
            .to_owned());
    }
    // Whether the extension is allowed is a question to another flag.
    let text = text.strip_suffix(RDB_EXTENSION).unwrap_or(text);
    NameTemplate::parse(text).map(drop).map_err(|error| {
        format!("is not accepted: {error}; accepted: a name without directory and extension")
    })
}

pub(super) fn event_classes(value: &FlagValue) -> Result<(), String> {
    match value {
        FlagValue::Text(letters) if Classes::parse(letters).is_none() => {
            Err("has an invalid event class character; accepted: letters of 'Ag$lshzxeKEtmdn'"
                .to_owned())
        }
        _ => Ok(()),
    }
}

/// The least that a command may be limited to, as in Redis.
const QUERY_BYTES_MIN: u64 = 1 << 20;

pub(super) fn query_bytes(value: &FlagValue) -> Result<(), String> {
    match value {
        FlagValue::Bytes(bytes) if *bytes < QUERY_BYTES_MIN => {
            Err("is too small; accepted: 1mb or more".to_owned())
        }
        _ => Ok(()),
    }
}

pub(super) fn output_bounds(value: &FlagValue) -> Result<(), String> {
    let FlagValue::Text(text) = value else { return Ok(()) };
    Bounds::default().changed(text).map(drop).map_err(|reason| {
        format!("is not accepted: {reason} Accepted: 'normal 0 0 0 pubsub 32mb 8mb 60'")
    })
}

pub(super) fn clients_memory(value: &FlagValue) -> Result<(), String> {
    let FlagValue::Text(text) = value else { return Ok(()) };
    ClientsMemory::parse(text).map(drop)
}

/// A limit of the memory that clients take together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientsMemory {
    Bytes(u64),
    /// A percentage of `maxmemory`.
    Percent(u64),
}

impl ClientsMemory {
    /// Reads it, as 100mb or 5%.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Some(number) = text.strip_suffix('%') {
            return match number.parse() {
                Ok(percent) if percent <= 100 => Ok(Self::Percent(percent)),
                Ok(_) => Err("percentage argument must be less or equal to 100".to_owned()),
                Err(_) => Err("is not accepted; accepted: a percentage, as 5%".to_owned()),
            };
        }
        let bytes = super::parse_bytes(text).map(Self::Bytes);
        bytes.ok_or_else(|| "is not accepted; accepted: a size, as 100mb or 5%".to_owned())
    }
}

pub(super) fn power_of_two(value: &FlagValue) -> Result<(), String> {
    match value {
        FlagValue::Integer(number) if !(*number as u64).is_power_of_two() => {
            Err("is not accepted; accepted: a power of two up to 64".to_owned())
        }
        _ => Ok(()),
    }
}

pub(super) fn buffer_bytes(value: &FlagValue) -> Result<(), String> {
    match value {
        FlagValue::Bytes(bytes) if *bytes < BUFFER_BYTES_MIN => {
            Err("is too small; accepted: 4MiB or more".to_owned())
        }
        _ => Ok(()),
    }
}

pub(super) fn s3_endpoint(value: &FlagValue) -> Result<(), String> {
    match value {
        FlagValue::Text(text) if !text.is_empty() => {
            Endpoint::parse(text).map(drop).map_err(|error| error.reason().to_owned())
        }
        _ => Ok(()),
    }
}

pub(super) fn s3_part_size(value: &FlagValue) -> Result<(), String> {
    match value {
        FlagValue::Bytes(bytes) if !(PART_BYTES_MIN..=PART_BYTES_MAX).contains(bytes) => {
            Err("is not accepted; accepted: 5MiB to 5GiB".to_owned())
        }
        _ => Ok(()),
    }
}

pub(super) fn snapshot_cron(value: &FlagValue) -> Result<(), String> {
    schedule(value, Schedule::cron)
}

pub(super) fn save_schedule(value: &FlagValue) -> Result<(), String> {
    schedule(value, Schedule::save_schedule)
}

fn schedule(
    value: &FlagValue,
    parse: fn(&str) -> Result<Schedule, exuvia::Error>,
) -> Result<(), String> {
    match value {
        FlagValue::Text(text) if !text.is_empty() => refused(parse(text).map(drop)),
        _ => Ok(()),
    }
}

pub(super) fn zone(value: &FlagValue) -> Result<(), String> {
    match value {
        FlagValue::Text(text) => refused(text.parse::<Zone>().map(drop)),
        _ => Ok(()),
    }
}

/// The engine's reason, without the name that the engine gives the option.
fn refused(result: Result<(), exuvia::Error>) -> Result<(), String> {
    result.map_err(|error| match error {
        exuvia::Error::InvalidOption { reason, .. } => format!("is not accepted: {reason}"),
        error => format!("is not accepted: {error}"),
    })
}
