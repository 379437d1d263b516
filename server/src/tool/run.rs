//! From the words of the command line to the exit code.

use std::ffi::OsString;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use super::arguments::{self, Request, Verb};
use super::place::{Place, note};
use super::usage::USAGE;
use super::{export, foreign, get, info, list, prune, verify};
use crate::command::describe;
use crate::flags::{self, Invocation, Settings};
use exuvia::snapshot::ForeignInfo;

/// Wrong usage.
const USAGE_CODE: u8 = 2;

/// Why a request came to nothing.
#[derive(Debug)]
pub(super) enum Failure {
    /// In the words of an operator.
    Said(String),
    /// Standard output did not take the result.
    Output(io::Error),
}

impl From<String> for Failure {
    fn from(line: String) -> Self {
        Self::Said(line)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// Runs the tool with the words behind `exuvia snapshot`.
pub(crate) fn run(words: Vec<OsString>) -> ExitCode {
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout());
    let request = match arguments::parse(words) {
        Ok(Some(request)) => request,
        Ok(None) => {
            let printed = out.write_all(USAGE.as_bytes()).and_then(|()| out.flush());
            return ExitCode::from(u8::from(printed.is_err()));
        }
        Err(line) => {
            note(&format!("snapshot: {line}; 'exuvia snapshot --help' shows the usage"));
            return ExitCode::from(USAGE_CODE);
        }
    };
    let outcome = perform(&request, &mut out).and_then(|sound| {
        out.flush()?;
        Ok(sound)
    });
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(Failure::Said(line)) => {
            note(&line);
            ExitCode::FAILURE
        }
        Err(Failure::Output(error)) => {
            note(&format!("cannot write the result: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Does what was asked for; returns whether all is well.
///
/// # Errors
///
/// Why it could not be done.
pub(super) fn perform(request: &Request, out: &mut (dyn Write + Send)) -> Result<bool, Failure> {
    let place = Place::open(&request.path, &settings(request)?)?;
    let dbfilename = request.dbfilename.as_deref();
    let json = request.json;
    match request.verb {
        Verb::List => {
            place.whole("list")?;
            Ok(list::list(out, &place.list(dbfilename)?, json)?)
        }
        Verb::Info => {
            if let Some(foreign) = place.pick_foreign(dbfilename)? {
                return Ok(foreign::info(out, &foreign, json)?);
            }
            let info = place.pick(dbfilename)?;
            let objects = place.storage.list().map_err(|error| describe(&error))?;
            Ok(info::info(out, &info, &objects, json)?)
        }
        Verb::Verify => {
            let mut sound = true;
            let (names, foreign) = names(&place, dbfilename)?;
            for name in names {
                sound &= verify::verify(out, &place, &name, json)?;
                out.flush()?;
            }
            for info in foreign {
                sound &= foreign::verify(out, &place, &info, json)?;
                out.flush()?;
            }
            Ok(sound)
        }
        Verb::Get => {
            if let Some(foreign) = place.pick_foreign(dbfilename)? {
                foreign::get(out, &place, &foreign, request)?;
                return Ok(true);
            }
            let info = place.pick(dbfilename)?;
            let key = &request.key;
            let found = get::find(&place, &info.manifest, request.database, key)?;
            let found = found.ok_or_else(|| {
                format!("{} has no such key in database {}", info.name, request.database)
            })?;
            get::write(out, request.database, key, &found, json)?;
            Ok(true)
        }
        Verb::Export => {
            if let Some(foreign) = place.pick_foreign(dbfilename)? {
                return Ok(foreign::export(out, &place, &foreign)?);
            }
            let info = place.pick(dbfilename)?;
            Ok(export::export(out, &place, &info)?)
        }
        Verb::Prune => {
            place.whole("prune")?;
            Ok(prune::write(out, &prune::prune(&place, request)?, json)?)
        }
    }
}

/// How S3 is reached: by the options of the request and the environment of a server.
fn settings(request: &Request) -> Result<Settings, String> {
    let of_s3 = |variable: &OsString| {
        variable.to_str().is_some_and(|name| name.starts_with("EXUVIA_FLAG_s3_"))
    };
    let environment = std::env::vars_os().filter(|(variable, _)| of_s3(variable));
    match flags::read(request.s3_flags.clone(), environment)? {
        Invocation::Serve(settings) => Ok(*settings),
        Invocation::Help | Invocation::Version => Err("that is no option of S3".to_owned()),
    }
}

/// The snapshot that was named, or all of the directory: those in pages by their names, damaged
/// ones too, and those in other formats.
fn names(
    place: &Place,
    dbfilename: Option<&str>,
) -> Result<(Vec<String>, Vec<ForeignInfo>), String> {
    if let Some(name) = &place.name {
        return Ok(match place.pick_foreign(dbfilename)? {
            Some(foreign) => (Vec::new(), vec![foreign]),
            None => (vec![name.clone()], Vec::new()),
        });
    }
    let listing = place.list(dbfilename)?;
    let complete = listing.complete.into_iter().map(|info| info.name);
    let names: Vec<String> =
        complete.chain(listing.damaged.into_iter().map(|damaged| damaged.name)).collect();
    if names.is_empty() && listing.foreign.is_empty() {
        return Err(format!("there is no snapshot in {}", place.dir));
    }
    Ok((names, listing.foreign))
}
