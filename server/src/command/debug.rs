//! The code of `DEBUG`.

use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::time::Duration;

use exuvia::{Condition, Error, SaveOptions, SetOptions};

use super::call::{blocking, integer, is};
use super::{Call, Failure, Keys, LongCall, Outcome};
use crate::gate::Reasons;
use crate::number::{parse_f64, parse_i64};
use crate::server::Shared;

/// Keys made before other clients get a turn.
const TURN_KEYS: u64 = 512;

/// What `DEBUG POPULATE` makes.
struct Population {
    count: u64,
    prefix: Vec<u8>,
    /// Length of the values, or that of their plain text.
    value_bytes: Option<usize>,
    /// Values are random bytes instead of text and zeros.
    random: bool,
}

impl Population {
    fn parse(call: &LongCall<'_>) -> Result<Self, Failure> {
        let count = u64::try_from(integer(call.args, 2)?);
        let count = count.map_err(|_| Failure::NOT_AN_INTEGER)?;
        let last = call.args.at(call.args.len() - 1);
        let random = call.args.len() > 3 && is(last, "rand");
        let options = call.args.len() - 3 - usize::from(random);
        if options > 2 {
            return Err(Failure::SYNTAX);
        }
        let prefix = if options > 0 { call.args.at(3) } else { b"key" }.to_vec();
        let value_bytes = (options > 1)
            .then(|| {
                let bytes =
                    parse_i64(call.args.at(4)).and_then(|bytes| usize::try_from(bytes).ok());
                let bytes = bytes.ok_or(Failure::NOT_AN_INTEGER)?;
                let limit = call.server.string_bytes_max();
                if bytes > limit { Err(Failure::TOO_LARGE) } else { Ok(bytes) }
            })
            .transpose()?;
        Ok(Self { count, prefix, value_bytes, random })
    }

    fn key(&self, number: u64) -> Vec<u8> {
        [&self.prefix[..], b":", number.to_string().as_bytes()].concat()
    }

    fn value(&self, number: u64, noise: &mut Noise) -> Vec<u8> {
        let text = format!("value:{number}").into_bytes();
        let bytes = self.value_bytes.unwrap_or(text.len());
        if self.random {
            return noise.bytes(bytes);
        }
        let mut value = text;
        value.resize(bytes, 0);
        value
    }

    /// Makes the keys with these numbers that are not there yet.
    fn make(&self, mut keys: Keys<'_>, numbers: Range<u64>, noise: &mut Noise) -> Outcome {
        let options = SetOptions { condition: Condition::IfAbsent, ..SetOptions::default() };
        for number in numbers {
            keys.set_with(&self.key(number), self.value(number, noise).into(), options)?;
        }
        Ok(())
    }
}

/// Pseudo-random bytes (Vigna's splitmix64): data that does not compress.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count + 8);
        while bytes.len() < count {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(count);
        bytes
    }
}

pub(super) fn populate<'a>(
    call: LongCall<'a>,
) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
    Box::pin(async move {
        let population = Population::parse(&call)?;
        let mut noise = Noise(call.server.now_ms());
        let mut made = 0;
        while made < population.count {
            if call.server.gate.reasons().any(Reasons::OUT_OF_MEMORY) {
                return Err(Failure::OUT_OF_MEMORY);
            }
            let end = (made + TURN_KEYS).min(population.count);
            population.make(
                Keys::live(call.database, call.server, call.stats, call.spec),
                made..end,
                &mut noise,
            )?;
            made = end;
            tokio::task::yield_now().await;
            // Writes may have been held meanwhile, as for the cut of a shutdown.
            call.server.gate.wait_while(|reasons| reasons.any(Reasons::HOLD_WRITES)).await;
        }
        call.out.ok();
        Ok(())
    })
}

pub(super) fn reload<'a>(call: LongCall<'a>) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
    Box::pin(async move {
        let save = match call.args.get(2) {
            None => true,
            Some(word) if is(word, "nosave") && call.args.len() == 3 => false,
            // Redis knows these two; loading here never merges and never flushes first.
            Some(word) if is(word, "noflush") || is(word, "merge") => true,
            Some(_) => return Err(Failure::SYNTAX),
        };
        let server = call.server;
        let _whole = server.lock_whole().await;
        let watchers = server.watched.watchers(|_, _| true);
        if save {
            let _held = Held::new(server).await?;
            let name = save_all(server).await?;
            load(server, name).await?;
        } else {
            let status = server.store.save_status();
            let newest = status.last_success.map(|saved| saved.name);
            let loaded = server.store.load_report().and_then(|report| report.name);
            let name = newest.or(loaded).ok_or(Failure::new("ERR there is no snapshot to load"))?;
            load(server, name).await?;
        }
        watchers.touch();
        call.out.ok();
        Ok(())
    })
}

/// Writes are held back, so that none falls between saving and loading.
struct Held<'a>(&'a Shared);

impl<'a> Held<'a> {
    async fn new(server: &'a Shared) -> Result<Self, Failure> {
        if server.gate.reasons().any(Reasons::RELOADING) {
            return Err(Failure::new("ERR a reload is in progress already"));
        }
        server.gate.raise(Reasons::RELOADING);
        let held = Self(server);
        server.settle().await;
        Ok(held)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.gate.lower(Reasons::RELOADING);
    }
}

async fn save_all(server: &Shared) -> Result<String, Failure> {
    let store = server.store.clone();
    let mut options = SaveOptions::default();
    options.trigger = Some("reload");
    let save = blocking(move || store.save_with(options)).await??;
    let saved = save.await?;
    Ok(saved.name)
}

async fn load(server: &Shared, name: String) -> Outcome {
    let store = server.store.clone();
    let loaded: Result<_, Error> = blocking(move || store.load(&name)).await?;
    let report = loaded?;
    tracing::info!(
        snapshot = report.name.as_deref().unwrap_or_default(),
        keys = report.records,
        "reloaded"
    );
    Ok(())
}

pub(super) fn sleep<'a>(call: LongCall<'a>) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
    const SECONDS_MAX: f64 = 86_400.0;
    Box::pin(async move {
        let seconds = parse_f64(call.args.at(2)).ok_or(Failure::NOT_A_FLOAT)?;
        tokio::time::sleep(Duration::from_secs_f64(seconds.clamp(0.0, SECONDS_MAX))).await;
        call.out.ok();
        Ok(())
    })
}

/// Answers with an error of the client's choice, by which libraries test how they take one.
pub(super) fn error(call: &mut Call<'_>) -> Outcome {
    let text = String::from_utf8_lossy(call.args.at(2));
    Err(text.replace(['\r', '\n'], " ").into())
}

pub(super) fn object(call: &mut Call<'_>) -> Outcome {
    let line = call.keys.peek(call.args.at(2), |entry| {
        let length = entry.value.len();
        let encoding = if parse_i64(entry.value).is_some() { "int" } else { "raw" };
        format!(
            "Value at:0x0 refcount:1 encoding:{encoding} serializedlength:{length} lru:0 \
             lru_seconds_idle:0"
        )
    })?;
    call.out.status(&line.ok_or(Failure::NO_SUCH_KEY)?);
    Ok(())
}

pub(super) fn help(call: &mut Call<'_>) -> Outcome {
    call.out.help(
        "DEBUG",
        &[
            ("ERROR <text>", "Reply with an error of this text."),
            ("OBJECT <key>", "Show low level info about <key> and its value."),
            ("POPULATE <count> [<prefix> [<size>]] [RAND]", "Create <count> string keys."),
            ("RELOAD [NOSAVE]", "Save the data and load it again; nothing is lost meanwhile."),
            ("SLEEP <seconds>", "Delay this client's reply; others are served."),
        ],
    );
    Ok(())
}
