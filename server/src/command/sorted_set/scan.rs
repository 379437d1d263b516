//! Going through the members: `ZSCAN`.

use exuvia::SortedSet;

use crate::command::element_scan::{ElementScan, reply};
use crate::command::spec::{Group, Spec};
use crate::command::{Call, Failure, Outcome};
use crate::float::{TEXT_BYTES_MAX, format_f64};
use crate::resp::Output;

pub(in crate::command) const COMMANDS: &[Spec] = &[Spec::now(Group::SortedSet, "zscan", -3, zscan)
    .reads()
    .key()
    .access(&[&["RO", "access"]])
    .doc(
        "2.8.0",
        "O(1) for every call. O(N) for a complete iteration, including enough command calls for \
         the cursor to return back to 0. N is the number of elements inside the collection.",
        "Iterates over members and scores of a sorted set.",
    )];

fn zscan(call: &mut Call<'_>) -> Outcome {
    let Call { args, out, keys, .. } = call;
    let scan = ElementScan::parse(*args)?;
    let visited = keys.with_collection(args.at(1), |set: &SortedSet| {
        let wanted = scan.wanted()?;
        let (mut found, mut words) = (Output::new(), 0);
        let cursor = set.scan(scan.cursor, wanted.count, |member, score| {
            if wanted.matches(member) {
                words += 2;
                found.bulk(member);
                // Scores are strings here in either protocol.
                found.bulk(format_f64(score, &mut [0; TEXT_BYTES_MAX]));
            }
        });
        Ok::<_, Failure>((cursor, words, found))
    })?;
    match visited.transpose()? {
        Some((cursor, words, found)) => reply(out, cursor, words, Some(found)),
        None => reply(out, 0, 0, None),
    }
    Ok(())
}
