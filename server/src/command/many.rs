//! Long forms of commands that take any number of keys: they let other clients in between.

use std::future::Future;
use std::pin::Pin;

use exuvia::Value;

use super::{LongCall, Outcome};
use crate::gate::Reasons;

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
        for value in values {
            call.stats.looked_up(value.is_some());
            call.out.optional(value.as_ref());
        }
        Ok(())
    })
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
            removed += u64::from(call.database.remove(key));
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
            let exists = call.database.contains_key(key);
            call.stats.looked_up(exists);
            found += u64::from(exists);
        }
        call.out.count(found);
        Ok(())
    })
}
