//! What has to be looked at from time to time.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::time::{Interval, MissedTickBehavior};

use crate::server::Shared;
use crate::surplus::Surplus;

/// Samples of the rates a second, where there are that many looks.
const SAMPLES_PER_SECOND: u64 = 10;

/// A clock that ticks `hz` times a second.
fn ticking(hz: u64) -> Interval {
    let mut interval = tokio::time::interval(Duration::from_secs(1) / hz as u32);
    interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
    interval
}

/// Keeps house for as long as the process serves.
pub(crate) async fn keep_house(server: Shared) {
    let mut hz = server.settings().hz();
    let mut interval = ticking(hz);
    let mut surplus = Surplus::new(Instant::now());
    for tick in 0_u64.. {
        interval.tick().await;
        let now = Instant::now();
        server.end_pause(now);
        let (maxmemory, clients_bytes_max, idle_timeout, hz_wanted) = {
            let settings = server.settings();
            let (clients, idle) = (settings.clients_bytes_max(), settings.idle_timeout());
            (settings.maxmemory(), clients, idle, settings.hz())
        };
        if hz_wanted != hz {
            hz = hz_wanted;
            interval = ticking(hz);
        }
        let is_second = tick % hz == 0;
        if maxmemory > 0 || is_second || surplus.is_due(now) {
            let used = server.check_memory(maxmemory);
            surplus.check(&server, used, now);
        }
        if tick % (hz / SAMPLES_PER_SECOND).max(1) == 0 {
            sample_rates(&server, now);
        }
        if let Some(bytes_max) = clients_bytes_max {
            let evicted = server.clients.evict(bytes_max);
            server.shared.clients_evicted.fetch_add(evicted, Ordering::Relaxed);
        }
        let watches = is_second && server.bounds.take_watched();
        if watches && server.clients.review() {
            server.bounds.watch();
        }
        if let Some(timeout) = idle_timeout.filter(|_| is_second) {
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
