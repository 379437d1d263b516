//! Where values come from: the environment, flag files, the command line, the later ones winning.

use std::ffi::OsString;
use std::fmt;

use super::kind::{Kind, parse_bool};
use super::table::FLAGS;
use super::{Settings, find};

/// How environment variables that set flags begin.
const ENVIRONMENT_PREFIX: &str = "EXUVIA_FLAG_";
/// Longest flag file that is read.
const FLAG_FILE_BYTES_MAX: u64 = 1 << 20;

/// What the binary was asked to do.
#[derive(Debug)]
pub(crate) enum Invocation {
    /// Serve with these settings.
    Serve(Box<Settings>),
    /// Print the flags.
    Help,
    /// Print the version.
    Version,
}

/// Where a value was given.
#[derive(Clone, Debug)]
enum Source {
    Environment(String),
    File { path: String, line: usize },
    CommandLine,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(variable) => write!(f, "from environment variable {variable}"),
            Self::File { path, line } => write!(f, "from line {line} of {path}"),
            Self::CommandLine => write!(f, "from the command line"),
        }
    }
}

/// A value that was given for a flag.
struct Given {
    name: String,
    value: String,
    source: Source,
}

/// Reads all sources.
///
/// # Errors
///
/// One line that names the flag, the value, its source and what is accepted.
pub(crate) fn read(
    arguments: impl IntoIterator<Item = OsString>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Invocation, String> {
    let mut command_line = Vec::new();
    let mut files = Vec::new();
    let mut arguments = arguments.into_iter().map(|argument| unicode(argument, "argument"));
    let mut lookahead: Option<Result<String, String>> = None;
    while let Some(argument) = lookahead.take().or_else(|| arguments.next()) {
        let argument = argument?;
        match argument.trim_start_matches('-') {
            "help" | "h" | "helpfull" if argument.starts_with('-') => return Ok(Invocation::Help),
            "version" if argument.starts_with('-') => return Ok(Invocation::Version),
            _ => {}
        }
        let (given, needs_value) = split(&argument, &Source::CommandLine)?;
        let given = match needs_value {
            Need::Nothing => given,
            Need::Value => match arguments.next() {
                Some(value) => Given { value: value?, ..given },
                None => return Err(no_value(&given)),
            },
            Need::Optional => {
                lookahead = arguments.next();
                match &lookahead {
                    Some(Ok(word)) if !word.starts_with('-') && parse_bool(word).is_some() => {
                        let value = word.clone();
                        lookahead = None;
                        Given { value, ..given }
                    }
                    _ => given,
                }
            }
        };
        if given.name == "flagfile" { files.push(given.value) } else { command_line.push(given) }
    }
    let mut given = from_environment(environment, &mut files)?;
    for path in files {
        from_file(&path, &mut given)?;
    }
    given.append(&mut command_line);
    let mut settings = Settings::default();
    for given in given {
        apply(&mut settings, &given)?;
    }
    settings.check_together()?;
    Ok(Invocation::Serve(Box::new(settings)))
}

fn unicode(text: OsString, what: &str) -> Result<String, String> {
    text.into_string().map_err(|text| format!("{what} {} is not UTF-8", text.display()))
}

fn apply(settings: &mut Settings, given: &Given) -> Result<(), String> {
    let Given { name, value, source } = given;
    let flag = find(name).ok_or_else(|| unknown(name, source))?;
    let parsed = flag
        .parse(value)
        .map_err(|reason| format!("flag --{name}: value '{value}' ({source}) {reason}"))?;
    settings.put(name, parsed);
    Ok(())
}

fn unknown(name: &str, source: &Source) -> String {
    let with_underscores = name.replace('-', "_");
    let near = FLAGS
        .iter()
        .map(|flag| (distance(flag.name, &with_underscores), flag.name))
        .min()
        .filter(|(distance, flag)| *distance <= 1 + flag.len() / 4);
    let advice = match near {
        Some((_, flag)) => format!("did you mean --{flag}?"),
        None => "--help lists the flags".to_owned(),
    };
    format!("flag --{name} ({source}) is unknown; {advice}")
}

/// Number of single-character edits between two names.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

/// What has to follow a flag without `=`.
enum Need {
    Nothing,
    Value,
    /// A boolean flag is complete, but the word behind it may be its value.
    Optional,
}

/// Takes apart `--name=value`, `--name`, `--noname`, with one dash or two.
fn split(argument: &str, source: &Source) -> Result<(Given, Need), String> {
    let dashed = argument.strip_prefix("--").or_else(|| argument.strip_prefix('-'));
    let Some(text) = dashed.filter(|text| !text.is_empty()) else {
        return Err(format!("'{argument}' ({source}) is not a flag; flags begin with --"));
    };
    let given = |name: &str, value: &str| Given {
        name: name.to_owned(),
        value: value.to_owned(),
        source: source.clone(),
    };
    if let Some((name, value)) = text.split_once('=') {
        return Ok((given(name, value), Need::Nothing));
    }
    match find(text) {
        Some(flag) if matches!(flag.kind, Kind::Bool) => Ok((given(text, "true"), Need::Optional)),
        Some(_) => Ok((given(text, ""), Need::Value)),
        None if text == "flagfile" => Ok((given(text, ""), Need::Value)),
        None => {
            let negated = text.strip_prefix("no").and_then(find);
            match negated.filter(|flag| matches!(flag.kind, Kind::Bool)) {
                Some(flag) => Ok((given(flag.name, "false"), Need::Nothing)),
                None => Err(unknown(text, source)),
            }
        }
    }
}

fn no_value(given: &Given) -> String {
    let accepted = find(&given.name).map_or("the path of a file".to_owned(), |f| f.kind.accepted());
    format!("flag --{} ({}) has no value; accepted: {accepted}", given.name, given.source)
}

fn from_environment(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    files: &mut Vec<String>,
) -> Result<Vec<Given>, String> {
    let mut given = Vec::new();
    let mut files_named = Vec::new();
    for (variable, value) in environment {
        // A name that is not UTF-8 cannot be one of ours.
        let Some(name) = variable.to_str().and_then(|name| name.strip_prefix(ENVIRONMENT_PREFIX))
        else {
            continue;
        };
        let source = Source::Environment(format!("{ENVIRONMENT_PREFIX}{name}"));
        let value = unicode(value, &format!("the value of {ENVIRONMENT_PREFIX}{name}"))?;
        if name == "flagfile" {
            files_named.push(value);
        } else {
            given.push(Given { name: name.to_owned(), value, source });
        }
    }
    files.splice(0..0, files_named);
    // The order of the environment is nobody's choice; errors should not depend on it.
    given.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(given)
}

fn from_file(path: &str, given: &mut Vec<Given>) -> Result<(), String> {
    let failed = |reason: &dyn fmt::Display| format!("flag --flagfile: '{path}': {reason}");
    let bytes = std::fs::metadata(path).map_err(|error| failed(&error))?.len();
    if bytes > FLAG_FILE_BYTES_MAX {
        return Err(failed(&format!("{bytes} bytes are more than a flag file has")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| failed(&error))?;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let source = Source::File { path: path.to_owned(), line: index + 1 };
        let (value, need) = split(line, &source)?;
        match need {
            Need::Value => return Err(no_value(&value)),
            Need::Nothing | Need::Optional if value.name == "flagfile" => {
                return Err(failed(&format!("line {}: a flag file names no other", index + 1)));
            }
            Need::Nothing | Need::Optional => given.push(value),
        }
    }
    Ok(())
}
