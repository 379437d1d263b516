//! The verbs for snapshots in other formats: RDB files, and snapshots of Dragonfly.
//!
//! They have no index and no pages: a key is found by reading from the front, and what stands
//! behind a damaged place is lost.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

use exuvia::Error;
use exuvia::snapshot::{ForeignInfo, ForeignKey, read_foreign};

use super::arguments::Request;
use super::bar::Bar;
use super::get;
use super::json::Object;
use super::place::{Place, note};
use super::run::Failure;
use super::time::utc;
use super::value::{expires_at, item_object};
use crate::command::describe;
use crate::memory::human;

/// Memory for reading, besides the one key that is held.
const BUFFER_BYTES: usize = 8 << 20;

/// The fields that `list` and `info` share.
pub(super) fn summary(info: &ForeignInfo) -> Object {
    let object = Object::new().string("name", &info.name).string("format", &info.format);
    let object = match &info.written_by {
        Some(writer) => object.string("written_by", writer),
        None => object,
    };
    let object = match info.cut_unix_ms {
        Some(at) => object.number("cut_unix_ms", at),
        None => object,
    };
    object.number("bytes", info.object_bytes)
}

/// The same in one line for people.
pub(super) fn line(info: &ForeignInfo) -> String {
    let cut = info.cut_unix_ms.map_or_else(|| "of unknown age".to_owned(), utc);
    let writer = info.written_by.as_deref().unwrap_or("unknown writer");
    format!("{cut}  {}, {writer}, {}", info.format, human(info.object_bytes))
}

/// Writes what the file says of itself.
pub(super) fn info(
    out: &mut (dyn Write + Send),
    info: &ForeignInfo,
    json: bool,
) -> io::Result<bool> {
    if json {
        writeln!(out, "{}", summary(info).finish())?;
        return Ok(true);
    }
    let cut = info.cut_unix_ms.map_or_else(|| "not said".to_owned(), utc);
    writeln!(out, "name            {}", info.name)?;
    writeln!(out, "format          {}", info.format)?;
    writeln!(out, "cut             {cut}")?;
    writeln!(out, "written by      {}", info.written_by.as_deref().unwrap_or("not said"))?;
    writeln!(out, "stored          {}", human(info.object_bytes))?;
    Ok(true)
}

/// Reads everything and says whether it is sound.
pub(super) fn verify(
    out: &mut (dyn Write + Send),
    place: &Place,
    info: &ForeignInfo,
    json: bool,
) -> io::Result<bool> {
    let (keys, damage) = each(place, info, true, |_| Ok(()))?;
    let name = &info.name;
    match &damage {
        _ if json => {
            let object = Object::new().string("name", name).bool("sound", damage.is_none());
            let object = object.number("keys", keys);
            let object = match &damage {
                Some(reason) => object.string("reason", reason),
                None => object,
            };
            writeln!(out, "{}", object.finish())?;
        }
        None => writeln!(out, "{name}: sound, {keys} keys, {}", info.format)?,
        Some(reason) => writeln!(
            out,
            "{name}: DAMAGED, it cannot be loaded: {reason}; 'exuvia snapshot export {}' salvages \
             the {keys} keys before that",
            place.path_of(name)
        )?,
    }
    Ok(damage.is_none())
}

/// Writes every key that can be read as one JSON object a line; returns whether none was lost.
pub(super) fn export(
    out: &mut (dyn Write + Send),
    place: &Place,
    info: &ForeignInfo,
) -> io::Result<bool> {
    // A bar in the midst of the lines helps nobody.
    let bar = !io::stdout().is_terminal();
    let (keys, damage) = each(place, info, bar, |key| writeln!(out, "{}", object(key).finish()))?;
    out.flush()?;
    let name = &info.name;
    match &damage {
        None => note(&format!("exported {keys} keys of {name}")),
        Some(reason) => note(&format!(
            "{name} is damaged: exported {keys} keys, what stands behind them is lost: {reason}"
        )),
    }
    Ok(damage.is_none())
}

/// Finds one key by reading from the front, and writes it like [`get::write`].
///
/// # Errors
///
/// That it is not there, or that nobody knows since the file is damaged.
pub(super) fn get(
    out: &mut (dyn Write + Send),
    place: &Place,
    info: &ForeignInfo,
    request: &Request,
) -> Result<(), Failure> {
    let mut found = None;
    // In a file that has a key twice the later one counts, as for a server that loads it.
    let (_, damage) = each(place, info, true, |key| {
        if key.database == request.database && key.key == &*request.key {
            found = Some((key.item.clone(), expires_at(key.expiry)));
        }
        Ok(())
    })?;
    match (found, damage) {
        (Some((item, expires_at)), _) => {
            get::write_item(out, request.database, &request.key, &item, expires_at, request.json)?;
            Ok(())
        }
        (None, Some(reason)) => Err(Failure::Said(reason)),
        (None, None) => Err(Failure::Said(format!(
            "{} has no such key in database {}",
            info.name, request.database
        ))),
    }
}

/// Hands every key to `take`; returns how many there were, and what is wrong behind them.
///
/// # Errors
///
/// The first error of `take`.
fn each(
    place: &Place,
    info: &ForeignInfo,
    bar: bool,
    take: impl FnMut(&ForeignKey<'_>) -> io::Result<()> + Send,
) -> io::Result<(u64, Option<String>)> {
    struct State<F> {
        bar: Bar,
        take: F,
        keys: u64,
        failed: io::Result<()>,
    }
    let bar = Bar::new(info.object_bytes, bar);
    let state = Mutex::new(State { bar, take, keys: 0, failed: Ok(()) });
    let outcome = read_foreign(&*place.storage, &info.name, BUFFER_BYTES, &|key| {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.bar.show(key.bytes_done);
        if let Err(error) = (state.take)(&key) {
            state.failed = Err(error);
            // Any error ends the reading; what is told is the one that was kept.
            return Err(Error::SaveCancelled);
        }
        state.keys += 1;
        Ok(())
    });
    let State { keys, failed, .. } = state.into_inner().unwrap_or_else(PoisonError::into_inner);
    failed?;
    Ok((keys, outcome.err().map(|error| describe(&error))))
}

fn object(key: &ForeignKey<'_>) -> Object {
    item_object(key.database, key.key, &key.item, expires_at(key.expiry))
}
