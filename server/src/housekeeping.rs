//! What has to be looked at from time to time.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::time::MissedTickBehavior;

use crate::server::Shared;
use crate::surplus::Surplus;

/// How often memory is compared with its limit and pauses with the clock.
const TICK: Duration = Duration::from_millis(20);
/// Ticks between two samples of the rates.
const TICKS_PER_SAMPLE: u64 = 5;
/// Ticks between two looks at idle clients.
const TICKS_PER_SECOND: u64 = 50;

/// Keeps house for as long as the process serves.
pub(crate) async fn keep_house(server: Shared) {
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut surplus = Surplus::new(Instant::now());
    for tick in 0_u64.. {
        interval.tick().await;
        let now = Instant::now();
        server.end_pause(now);
        let (maxmemory, clients_bytes_max, idle_timeout) = {
            let settings = server.settings();
            (settings.maxmemory(), settings.clients_bytes_max(), settings.idle_timeout())
        };
        if maxmemory > 0 || tick % TICKS_PER_SECOND == 0 || surplus.is_due(now) {
            let used = server.check_memory(maxmemory);
            surplus.check(&server, used, now);
        }
        if tick % TICKS_PER_SAMPLE == 0 {
            sample_rates(&server, now);
        }
        if let Some(bytes_max) = clients_bytes_max {
            let evicted = server.clients.evict(bytes_max);
            server.shared.clients_evicted.fetch_add(evicted, Ordering::Relaxed);
        }
        let watches = tick % TICKS_PER_SECOND == 0 && server.bounds.take_watched();
        if watches && server.clients.review() {
            server.bounds.watch();
        }
        if let Some(timeout) = idle_timeout.filter(|_| tick % TICKS_PER_SECOND == 0) {
            let timeout_ms = timeout.as_millis() as u64;
            server.clients.kill_idle(server.now_ms().saturating_sub(timeout_ms));
        }
    }
}

fn sample_rates(server: &Shared, now: Instant) {
    let totals = [
        server.commands_processed(),
        server.total(|thread| thread.bytes_in.get()),
        server.total(|thread| thread.bytes_out.get()),
    ];
    let mut rates = server.shared.rate.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    rates.sample(now, totals);
}
