//! Deciding whether observed cuts fit the recorded writes.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use super::{Observation, Stamp, Write};
use crate::model::is_expired;

/// Checks every cut against the writes of every thread.
///
/// # Errors
///
/// Tells the first cut that fits no position in the history, and why.
pub fn check(threads: &[Vec<Write>], cuts: &[Observation]) -> Result<(), String> {
    let mut positions: Vec<Vec<Vec<usize>>> = vec![Vec::new(); cuts.len()];
    for (thread, writes) in threads.iter().enumerate() {
        let mut order: Vec<usize> = (0..cuts.len()).collect();
        order.sort_by_key(|&cut| cuts[cut].finished_before[thread]);
        let mut replay = Replay { writes, next: 0, state: HashMap::new() };
        for cut in order {
            let found = replay.positions(thread, &cuts[cut]);
            positions[cut].push(found.map_err(|why| format!("cut {cut}: {why}"))?);
        }
    }
    for (cut, candidates) in positions.iter().enumerate() {
        respect_real_time(threads, candidates).map_err(|why| format!("cut {cut}: {why}"))?;
    }
    Ok(())
}

/// One thread's writes, folded up to a position that only grows.
struct Replay<'w> {
    writes: &'w [Write],
    next: usize,
    state: HashMap<u32, Stamp>,
}

impl Replay<'_> {
    /// Every number of writes between the cut's bounds whose fold is what the cut shows.
    fn positions(&mut self, thread: usize, cut: &Observation) -> Result<Vec<usize>, String> {
        let (from, to) = (cut.finished_before[thread], cut.started_after[thread]);
        while self.next < from {
            apply(&mut self.state, &self.writes[self.next]);
            self.next += 1;
        }
        let shown = &cut.contents[thread];
        let visible = |state: &HashMap<u32, Stamp>, key: u32| {
            let stamp = state.get(&key).copied();
            stamp.filter(|stamp| !is_expired(stamp.expiry, cut.cut_unix_ms))
        };
        let mut state = self.state.clone();
        let mut different: HashSet<u32> = state.keys().chain(shown.keys()).copied().collect();
        different.retain(|&key| visible(&state, key) != shown.get(&key).copied());
        let mut closest = (different.clone(), from);
        let mut found = Vec::new();
        for position in from..=to {
            if different.is_empty() {
                found.push(position);
            } else if different.len() < closest.0.len() {
                closest = (different.clone(), position);
            }
            // A write that had started when the threads were stopped has finished since.
            let Some(write) = self.writes.get(position) else { break };
            apply(&mut state, write);
            if let Some((key, _)) = write.effect {
                if visible(&state, key) == shown.get(&key).copied() {
                    different.remove(&key);
                } else {
                    different.insert(key);
                }
            }
        }
        if found.is_empty() {
            return Err(self.explain(thread, cut, &closest.0, closest.1));
        }
        Ok(found)
    }

    fn explain(
        &self,
        thread: usize,
        cut: &Observation,
        different: &HashSet<u32>,
        position: usize,
    ) -> String {
        let (from, to) = (cut.finished_before[thread], cut.started_after[thread]);
        let mut text = format!(
            "thread {thread}: no position from {from} to {to} fits; {} keys differ after {position} \
             writes, time of the cut {}",
            different.len(),
            cut.cut_unix_ms
        );
        for &key in different.iter().take(5) {
            let shown = cut.contents[thread].get(&key);
            let _ = write!(text, "\n  key {key}: shown {shown:?}; its writes:");
            let of_key = |(_, write): &(usize, &Write)| {
                write.effect.is_some_and(|(written, _)| written == key)
            };
            let writes: Vec<_> = self.writes.iter().enumerate().filter(of_key).collect();
            let nearest = writes.partition_point(|&(number, _)| number < position);
            for (number, write) in &writes[nearest.saturating_sub(3)..writes.len().min(nearest + 3)]
            {
                let _ = write!(text, "\n    {number}: {:?}", write.effect.map(|effect| effect.1));
            }
        }
        text
    }
}

fn apply(state: &mut HashMap<u32, Stamp>, write: &Write) {
    match write.effect {
        Some((key, Some(stamp))) => state.insert(key, stamp),
        Some((key, None)) => state.remove(&key),
        None => None,
    };
}

/// Chooses one position a thread such that nothing is left out that finished before something
/// else began which is in.
///
/// A position that is too low can only be raised, and raising one never allows another to be
/// lower, so the least choice is found by raising as long as anything is wrong.
fn respect_real_time(threads: &[Vec<Write>], candidates: &[Vec<usize>]) -> Result<(), String> {
    let mut chosen = vec![0; threads.len()];
    loop {
        let mut raised = false;
        for (late, writes) in threads.iter().enumerate() {
            let position = candidates[late][chosen[late]];
            let missing = writes[position..].iter().find(|write| write.effect.is_some());
            let Some(missing) = missing else { continue };
            let includes_later = |&other: &usize| {
                let included = &threads[other][..candidates[other][chosen[other]]];
                let last = included.iter().rfind(|write| write.effect.is_some());
                last.is_some_and(|last| missing.end < last.begin)
            };
            let Some(other) = (0..threads.len()).find(includes_later) else { continue };
            if chosen[late] + 1 == candidates[late].len() {
                return Err(format!(
                    "thread {late}: a write of {:?} after position {position} is missing, though \
                     it had finished before an included write of thread {other} began",
                    missing.effect
                ));
            }
            chosen[late] += 1;
            raised = true;
        }
        if !raised {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use exuvia::Expiry;

    use super::*;

    fn set(begin: u64, key: u32, sequence: u64) -> Write {
        let stamp = Stamp { sequence, expiry: Expiry::Never };
        Write { begin, end: begin + 1, effect: Some((key, Some(stamp))) }
    }

    fn cut(bounds: &[(usize, usize)], shown: &[&[(u32, u64)]]) -> Observation {
        let stamps = |pairs: &&[(u32, u64)]| {
            let stamp = |sequence| Stamp { sequence, expiry: Expiry::Never };
            pairs.iter().map(|&(key, sequence)| (key, stamp(sequence))).collect()
        };
        Observation {
            finished_before: bounds.iter().map(|bound| bound.0).collect(),
            started_after: bounds.iter().map(|bound| bound.1).collect(),
            cut_unix_ms: 0,
            contents: shown.iter().map(stamps).collect(),
        }
    }

    #[test]
    fn a_fold_of_some_prefix_is_accepted() {
        let writes = [vec![set(0, 1, 0), set(2, 2, 1), set(4, 1, 2)]];
        check(&writes, &[cut(&[(1, 3)], &[&[(1, 0), (2, 1)]])]).unwrap();
    }

    #[test]
    fn a_lost_key_is_noticed() {
        let writes = [vec![set(0, 1, 0), set(2, 2, 1), set(4, 1, 2)]];
        check(&writes, &[cut(&[(0, 3)], &[&[(1, 2)]])]).unwrap_err();
    }

    #[test]
    fn a_write_from_after_the_cut_is_noticed() {
        let writes = [vec![set(0, 1, 0), set(2, 1, 1)]];
        check(&writes, &[cut(&[(1, 1)], &[&[(1, 1)]])]).unwrap_err();
    }

    #[test]
    fn an_effect_without_its_earlier_cause_is_noticed() {
        // Thread 1 began only after thread 0 had finished.
        let writes = [vec![set(0, 1, 0)], vec![set(2, 1, 0)]];
        let bounds = [(0, 1), (0, 1)];
        check(&writes, &[cut(&bounds, &[&[], &[(1, 0)]])]).unwrap_err();
        check(&writes, &[cut(&bounds, &[&[(1, 0)], &[]])]).unwrap();
    }

    #[test]
    fn an_ambiguous_position_is_raised_as_far_as_real_time_needs() {
        let remove = |begin| Write { begin, end: begin + 1, effect: Some((1, None)) };
        // Thread 0 shows nothing both before its first and after its second write.
        let writes = [vec![set(0, 1, 0), remove(2)], vec![set(4, 1, 0)]];
        check(&writes, &[cut(&[(0, 2), (0, 1)], &[&[], &[(1, 0)]])]).unwrap();
    }
}
