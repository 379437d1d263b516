//! Long forms of commands that take any number of keys: they take turns with other clients, or
//! run on threads of their own.

use std::future::Future;
use std::pin::Pin;

use exuvia::{Expiry, Value};

use super::call::blocking;
use super::step::{Recorder, Step, Written};
use super::{Failure, Keys, LongCall, Outcome, Spec};
use crate::gate::Reasons;
use crate::server::Server;

/// Arguments from which on a command runs in its long form.
pub(super) const LONG_ARGS: usize = 1024;
/// Keys between two turns of other clients.
const TURN_KEYS: usize = 256;

/// `MGET`: all values are those of one cut, which is let go before any is sent.
pub(super) fn mget<'a>(call: LongCall<'a>) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
    Box::pin(async move {
        let cut = call.server.store.snapshot()?;
        let database = call.database.index();
        let keys = call.args.from(1);
        let mut values: Vec<Option<Value>> = Vec::new();
        for (index, key) in keys.iter().enumerate() {
            if index % TURN_KEYS == TURN_KEYS - 1 {
                tokio::task::yield_now().await;
            }
            values.push(cut.get(database, key));
        }
        drop(cut);
        call.out.array(values.len());
        let mut looked = Keys::live(call.database, call.server, call.stats, call.spec);
        for (key, value) in keys.iter().zip(values) {
            looked.looked_up_string(key, value.is_some())?;
            call.out.optional(value.as_ref());
        }
        Ok(())
    })
}

/// `MSET`.
pub(super) fn mset<'a>(call: LongCall<'a>) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
    Box::pin(async move {
        set_all(&call, "mset", false).await?;
        call.out.ok();
        Ok(())
    })
}

/// `MSETNX`.
pub(super) fn msetnx<'a>(call: LongCall<'a>) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
    Box::pin(async move {
        let stored = set_all(&call, "msetnx", true).await?;
        call.out.integer(i64::from(stored));
        Ok(())
    })
}

/// Stores all pairs as one step, on a thread kept for what takes long; with `only_absent`, nothing
/// if any of the keys is there.
async fn set_all(call: &LongCall<'_>, name: &str, only_absent: bool) -> Result<bool, Failure> {
    let args = call.args;
    if args.len().is_multiple_of(2) {
        return Err(Failure::arity(name));
    }
    let mut pairs: Vec<(Box<[u8]>, Value)> = Vec::with_capacity(args.len() / 2);
    for at in (1..args.len()).step_by(2) {
        if pairs.len() % TURN_KEYS == TURN_KEYS - 1 {
            tokio::task::yield_now().await;
        }
        pairs.push((args.at(at).into(), args.value(at + 1)));
    }
    let (server, spec, database) = (call.server.clone(), call.spec, call.database.index());
    let registered = server.write_aside().await;
    let stored = blocking(move || {
        let _registered = registered;
        store_pairs(&server, spec, database, &pairs, only_absent)
    });
    stored.await?
}

fn store_pairs(
    server: &Server,
    spec: &'static Spec,
    database: u16,
    pairs: &[(Box<[u8]>, Value)],
    only_absent: bool,
) -> Result<bool, Failure> {
    let mut written = Written::new(server);
    let stored = server.store.transaction(|transaction| -> Result<bool, Failure> {
        written.restart();
        let mut step = Recorder::new(transaction, &mut written, spec);
        if only_absent {
            for (key, _) in pairs {
                if step.item(database, key)?.is_some() {
                    return Ok(false);
                }
            }
        }
        for (key, value) in pairs {
            step.set(database, key, value.clone().into(), Expiry::Never)?;
            step.tell_own(database, key);
        }
        Ok(true)
    })?;
    drop(written.take_effect());
    Ok(stored)
}

/// `DEL` and `UNLINK`.
pub(super) fn del<'a>(call: LongCall<'a>) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
    Box::pin(async move {
        let mut removed = 0;
        for (index, key) in call.args.from(1).iter().enumerate() {
            if index % TURN_KEYS == TURN_KEYS - 1 {
                tokio::task::yield_now().await;
                // Writes may have been held meanwhile, as for the cut of a shutdown.
                call.server.gate.wait_while(|reasons| reasons.any(Reasons::HOLD_WRITES)).await;
            }
            let mut keys = Keys::live(call.database, call.server, call.stats, call.spec);
            removed += u64::from(keys.remove(key)?);
        }
        call.out.count(removed);
        Ok(())
    })
}

/// `EXISTS` and `TOUCH`.
pub(super) fn exists<'a>(call: LongCall<'a>) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
    Box::pin(async move {
        let mut found = 0;
        for (index, key) in call.args.from(1).iter().enumerate() {
            if index % TURN_KEYS == TURN_KEYS - 1 {
                tokio::task::yield_now().await;
            }
            let mut keys = Keys::live(call.database, call.server, call.stats, call.spec);
            let exists = keys.contains(key)?;
            keys.looked_up(key, exists);
            found += u64::from(exists);
        }
        call.out.count(found);
        Ok(())
    })
}
