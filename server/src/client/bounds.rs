//! Limits of what may wait for clients that do not read it: `client-output-buffer-limit`.
//!
//! A client past the hard limit of its [class](Class) is disconnected at once, one past the soft
//! limit when it has been there for longer than the limit's seconds.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A kind of client with limits of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Gets replies only. Past a few MiB of them nothing more of such a client is run, so that it
    /// needs no limit to be bounded.
    Normal,
    /// There are no replicas; their limits are kept for those who ask for them.
    Replica,
    /// Gets messages of channels, or is shown the commands of others, whether it reads or not.
    PubSub,
}

impl Class {
    const ALL: [Self; 3] = [Self::Normal, Self::Replica, Self::PubSub];

    fn parse(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "normal" => Some(Self::Normal),
            "slave" | "replica" => Some(Self::Replica),
            "pubsub" => Some(Self::PubSub),
            _ => None,
        }
    }

    /// The name by which Redis shows it.
    fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Replica => "slave",
            Self::PubSub => "pubsub",
        }
    }
}

/// The limits of one class. A limit of 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bound {
    pub(crate) hard_bytes: u64,
    pub(crate) soft_bytes: u64,
    pub(crate) soft_seconds: u64,
}

/// The limits of every class, in the order of [`Class`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bounds([Bound; 3]);

impl Bounds {
    /// Changes the classes that `text` names: groups of a class, a hard limit, a soft limit, and
    /// its seconds.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in the words of Redis.
    pub(crate) fn changed(mut self, text: &str) -> Result<Self, &'static str> {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        if words.is_empty() || !words.len().is_multiple_of(4) {
            return Err("Wrong number of arguments in buffer limit configuration.");
        }
        for group in words.chunks_exact(4) {
            let class = Class::parse(group[0])
                .ok_or("Invalid client class specified in buffer limit configuration.")?;
            let bytes = |word| crate::flags::parse_bytes(word);
            let bound = (bytes(group[1]), bytes(group[2]), group[3].parse().ok());
            let (Some(hard_bytes), Some(soft_bytes), Some(soft_seconds)) = bound else {
                return Err(
                    "Error in hard, soft or soft_seconds setting in buffer limit configuration.",
                );
            };
            self.0[class as usize] = Bound { hard_bytes, soft_bytes, soft_seconds };
        }
        Ok(self)
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, class) in Class::ALL.into_iter().enumerate() {
            let Bound { hard_bytes, soft_bytes, soft_seconds } = self.0[class as usize];
            let space = if number == 0 { "" } else { " " };
            write!(f, "{space}{} {hard_bytes} {soft_bytes} {soft_seconds}", class.name())?;
        }
        Ok(())
    }
}

/// The limits in force, which every client looks at.
///
/// Relaxed, but for `watched`: each is a number by itself, and a client that still sees the old one
/// is judged by the new one a moment later.
#[derive(Debug, Default)]
pub(crate) struct BoundsInForce {
    bounds: [[AtomicU64; 3]; 3],
    /// Fewer bytes than any limit: a client that has no more than these waiting is fine.
    harmless_bytes: AtomicU64,
    /// Some client may be past its soft limit.
    watched: AtomicBool,
}

impl BoundsInForce {
    pub(crate) fn configure(&self, bounds: &Bounds) {
        let mut least = u64::MAX;
        for (bound, kept) in bounds.0.iter().zip(&self.bounds) {
            let Bound { hard_bytes, soft_bytes, soft_seconds } = *bound;
            for (figure, kept) in [hard_bytes, soft_bytes, soft_seconds].into_iter().zip(kept) {
                kept.store(figure, Ordering::Relaxed);
            }
            for limit in [hard_bytes, soft_bytes].into_iter().filter(|limit| *limit > 0) {
                least = least.min(limit);
            }
        }
        self.harmless_bytes.store(least.saturating_sub(1), Ordering::Relaxed);
        // Whoever is past a limit that was lowered is found by looking.
        self.watch();
    }

    pub(crate) fn of(&self, class: Class) -> Bound {
        let [hard_bytes, soft_bytes, soft_seconds] =
            self.bounds[class as usize].each_ref().map(|figure| figure.load(Ordering::Relaxed));
        Bound { hard_bytes, soft_bytes, soft_seconds }
    }

    /// Whether no client has to be judged for `bytes` that wait for it.
    #[inline]
    pub(crate) fn are_harmless(&self, bytes: usize) -> bool {
        bytes as u64 <= self.harmless_bytes.load(Ordering::Relaxed)
    }

    /// Has the clients looked at until none is past its soft limit.
    pub(crate) fn watch(&self) {
        // Release: pairs with the Acquire of `take_watched`, so that who looks because limits were
        // changed judges by the new ones.
        self.watched.store(true, Ordering::Release);
    }

    /// Whether the clients are to be looked at once more.
    pub(crate) fn take_watched(&self) -> bool {
        self.watched.swap(false, Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_classes_that_are_named_are_changed() {
        let bounds = Bounds::default().changed("pubsub 32mb 8mb 60 Replica 1k 0 0").unwrap();
        assert_eq!(bounds.to_string(), "normal 0 0 0 slave 1000 0 0 pubsub 33554432 8388608 60");
        let changed = bounds.changed("normal 10 5 1").unwrap();
        assert_eq!(changed.to_string(), "normal 10 5 1 slave 1000 0 0 pubsub 33554432 8388608 60");
        assert_eq!(changed.changed(&changed.to_string()), Ok(changed));
        for wrong in ["", "normal 1 2", "normal 1 2 3 4", "master 1 1 1", "normal x 0 0"] {
            assert!(bounds.changed(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_below_every_limit_is_harmless() {
        let force = BoundsInForce::default();
        force.configure(&Bounds::default());
        assert!(force.are_harmless(1 << 40));
        force.configure(&Bounds::default().changed("normal 200 100 1 pubsub 50 0 0").unwrap());
        assert!(force.are_harmless(49) && !force.are_harmless(50));
        assert_eq!(force.of(Class::Normal).soft_bytes, 100);
    }
}
