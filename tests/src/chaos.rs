//! Delays at the engine's race points, and threads parked there.
//!
//! The engine has one hook for the whole process, so whoever wants it, or wants to be sure that
//! nobody has it, holds the [`Stage`].

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use exuvia::hooks::{self, Point};
use fastrand::Rng;

use crate::seed::Seed;

static STAGE: Mutex<()> = Mutex::new(());

/// The right to this process's processors, heap counts and engine hook. Blocks for it.
#[derive(Debug)]
pub struct Stage {
    _alone: MutexGuard<'static, ()>,
}

impl Stage {
    /// Waits until no other test holds the stage.
    pub fn enter() -> Self {
        // A test that failed on the stage leaves it usable: `drop` has removed its hook.
        Self { _alone: STAGE.lock().unwrap_or_else(PoisonError::into_inner) }
    }

    /// Delays every thread at random at every race point, for as long as the stage is held.
    pub fn unleash(&self, seed: Seed) {
        CHAOS_SEED.store(seed.value(), Ordering::SeqCst);
        CHAOS_RUN.fetch_add(1, Ordering::SeqCst);
        hooks::install(delay);
    }

    /// Parks the thread that next calls [`Parked::offer`] when it arrives at `point`.
    pub fn park_at(&self, point: Point) -> Parked<'_> {
        *PARK_POINT.lock().unwrap_or_else(PoisonError::into_inner) = Some(point);
        PARK_ARRIVED.store(false, Ordering::SeqCst);
        PARK_RELEASED.store(false, Ordering::SeqCst);
        hooks::install(park);
        Parked { _stage: self }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        hooks::clear();
    }
}

static CHAOS_SEED: AtomicU64 = AtomicU64::new(0);
static CHAOS_RUN: AtomicU64 = AtomicU64::new(0);
static CHAOS_THREADS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// The generator of this thread, and the run that it was seeded for.
    static CHAOS_RNG: RefCell<(u64, Rng)> = const { RefCell::new((0, Rng::with_seed(0))) };
}

fn delay(_: Point) {
    let choice = CHAOS_RNG.try_with(|generator| {
        let (run, rng) = &mut *generator.borrow_mut();
        let this_run = CHAOS_RUN.load(Ordering::Relaxed);
        if *run != this_run {
            let stream = CHAOS_THREADS.fetch_add(1, Ordering::Relaxed);
            let seed = CHAOS_SEED.load(Ordering::Relaxed);
            *rng = Rng::with_seed(seed ^ stream.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            *run = this_run;
        }
        rng.u64(0..32 * 64)
    });
    // A thread on its way out has no generator left and passes undelayed.
    let Ok(choice) = choice else { return };
    match choice / 64 {
        0 => thread::sleep(Duration::from_micros(choice % 64)),
        1..=4 => thread::yield_now(),
        _ => {}
    }
}

static PARK_POINT: Mutex<Option<Point>> = Mutex::new(None);
static PARK_ARRIVED: AtomicBool = AtomicBool::new(false);
static PARK_RELEASED: AtomicBool = AtomicBool::new(false);

thread_local! {
    static OFFERED: Cell<bool> = const { Cell::new(false) };
}

/// A thread that waits, or will wait, at a race point. Dropping this lets it go.
#[derive(Debug)]
pub struct Parked<'s> {
    _stage: &'s Stage,
}

impl Parked<'_> {
    /// Makes the calling thread the one to park, at its first arrival at the point.
    pub fn offer() {
        OFFERED.set(true);
    }

    /// Waits for the thread's arrival; returns whether it came in time.
    pub fn arrives_within(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while !PARK_ARRIVED.load(Ordering::SeqCst) {
            if Instant::now() > deadline {
                return false;
            }
            thread::sleep(Duration::from_micros(100));
        }
        true
    }
}

impl Drop for Parked<'_> {
    fn drop(&mut self) {
        PARK_RELEASED.store(true, Ordering::SeqCst);
        hooks::clear();
    }
}

fn park(point: Point) {
    let parks = OFFERED.try_with(Cell::get).unwrap_or(false)
        && *PARK_POINT.lock().unwrap_or_else(PoisonError::into_inner) == Some(point);
    if !parks {
        return;
    }
    OFFERED.set(false);
    PARK_ARRIVED.store(true, Ordering::SeqCst);
    while !PARK_RELEASED.load(Ordering::SeqCst) {
        thread::sleep(Duration::from_micros(100));
    }
}
