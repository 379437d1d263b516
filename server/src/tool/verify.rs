//! `exuvia snapshot verify`.

use std::io::{self, Write};

use super::audit::{self, Damage};
use super::bar::Bar;
use super::json::Object;
use super::place::Place;

/// Damages that are listed one by one for people.
const LINES_MAX: usize = 100;

/// Reads the snapshot called `name` whole and writes what is damaged; returns whether nothing is.
pub(super) fn verify(
    out: &mut dyn Write,
    place: &Place,
    name: &str,
    json: bool,
) -> io::Result<bool> {
    let info = match place.read(name) {
        Ok(info) => info,
        Err(reason) => {
            if json {
                let object = Object::new().string("name", name).bool("sound", false);
                writeln!(out, "{}", object.string("reason", &reason).finish())?;
            } else {
                writeln!(out, "{name}: DAMAGED, it cannot be loaded nor salvaged: {reason}")?;
            }
            return Ok(false);
        }
    };
    let manifest = &info.manifest;
    let mut bar = Bar::new(manifest.bytes(), true);
    let audit = audit::read(&*place.storage, manifest, &mut bar, &mut |_| Ok(()))?;
    drop(bar);
    let sound = audit.is_sound(manifest);
    let keys = manifest.records();
    if json {
        let object = Object::new()
            .string("name", name)
            .bool("sound", sound)
            .number("keys", keys)
            .number("keys_lost", audit.lost(manifest))
            .number("pages_sound", audit.pages)
            .number("bytes", manifest.bytes())
            .array("damages", audit.damages.iter().map(Damage::object));
        writeln!(out, "{}", object.finish())?;
        return Ok(sound);
    }
    if sound {
        let parts = manifest.parts.len();
        writeln!(out, "{name}: sound, {keys} keys in {} pages of {parts} parts", audit.pages)?;
        return Ok(true);
    }
    writeln!(
        out,
        "{name}: DAMAGED, {} of {keys} keys cannot be read; 'exuvia snapshot export {}' salvages \
         the others",
        audit.lost(manifest),
        place.path_of(name)
    )?;
    for damage in audit.damages.iter().take(LINES_MAX) {
        writeln!(out, "  {}", damage.line())?;
    }
    if let Some(more) = audit.damages.len().checked_sub(LINES_MAX).filter(|more| *more > 0) {
        writeln!(out, "  and {more} more; --json lists all")?;
    }
    Ok(false)
}
