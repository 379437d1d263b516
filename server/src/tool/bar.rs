//! How far a long run is, for people at a terminal.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::memory::human;

/// How often the line is written anew.
const INTERVAL: Duration = Duration::from_millis(100);
/// Characters of the bar.
const WIDTH: u64 = 30;

/// A line on standard error that shows what part of some bytes was read.
///
/// There is none unless standard error is a terminal. It disappears when it is dropped.
#[derive(Debug)]
pub(super) struct Bar {
    visible: bool,
    total: u64,
    started: Instant,
    shown: Option<Instant>,
}

impl Bar {
    /// A bar for `total` bytes, if it is `wanted`.
    pub(super) fn new(total: u64, wanted: bool) -> Self {
        let visible = wanted && std::io::stderr().is_terminal();
        Self { visible, total, started: Instant::now(), shown: None }
    }

    /// Shows that `done` bytes were read.
    pub(super) fn show(&mut self, done: u64) {
        if !self.visible || self.shown.is_some_and(|shown| shown.elapsed() < INTERVAL) {
            return;
        }
        self.shown = Some(Instant::now());
        let rate = done as f64 / self.started.elapsed().as_secs_f64().max(0.001);
        let line = line(done, self.total, rate as u64);
        // A line that cannot be shown is not worth an error.
        let _ = write!(std::io::stderr(), "\r{line}\x1b[K");
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if self.shown.is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

fn line(done: u64, total: u64, bytes_per_sec: u64) -> String {
    let fraction = (done as f64 / total.max(1) as f64).min(1.0);
    let filled = (fraction * WIDTH as f64) as u64;
    let bar: String = (0..WIDTH).map(|at| if at < filled { '#' } else { '.' }).collect();
    format!("[{bar}] {:3.0}% of {}, {}/s", fraction * 100.0, human(total), human(bytes_per_sec))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_shows_the_fraction_and_the_rate() {
        let half = line(512, 1024, 2048);
        assert_eq!(half, "[###############...............]  50% of 1.00K, 2.00K/s");
        assert!(line(0, 0, 0).contains("  0%"));
        assert!(line(9, 3, 0).contains("100%"));
    }
}
