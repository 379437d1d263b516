//! Bytes from a client, parsed in one piece and in pieces cut anywhere: never a panic, never more
//! memory than a constant times what was received, and the same commands either way.

#![no_main]

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

use self::resp::{Input, Limits, ProtocolError};

#[path = "../../server/src/float.rs"]
#[allow(dead_code, reason = "only what the parser needs of it runs")]
mod float;
#[path = "../../server/src/number.rs"]
#[allow(dead_code, reason = "only what the parser needs of it runs")]
mod number;
#[path = "../../server/src/resp/mod.rs"]
#[allow(dead_code, unused_imports, reason = "replies are not written here")]
mod resp;

/// Memory that an input may take besides twice the bytes received.
const BYTES_AT_REST: usize = 256 << 10;

#[derive(Arbitrary, Debug)]
struct Case<'a> {
    bytes: &'a [u8],
    cuts: Vec<u16>,
    unauthenticated: bool,
}

type Commands = Vec<Vec<Vec<u8>>>;

fn parse(pieces: &[&[u8]], limits: &Limits) -> (Commands, Option<ProtocolError>) {
    let mut input = Input::new();
    let mut commands = Vec::new();
    let mut received = 0;
    for piece in pieces {
        let mut rest = *piece;
        loop {
            let taken = input.feed(rest);
            received += taken;
            rest = &rest[taken..];
            let parsed = input.parse(limits);
            for command in input.commands() {
                commands.push(input.args(*command).iter().map(<[u8]>::to_vec).collect());
            }
            let more = !input.commands().is_empty();
            input.consume();
            // A span of eight bytes describes an argument of at least five bytes on the wire.
            let allocated = input.allocated_bytes();
            assert!(allocated <= received * 4 + BYTES_AT_REST, "{allocated} for {received}");
            if let Err(error) = parsed {
                return (commands, Some(error));
            }
            if !more && rest.is_empty() {
                break;
            }
        }
    }
    (commands, None)
}

fuzz_target!(|case: Case<'_>| {
    let limits = Limits { unauthenticated: case.unauthenticated, ..Limits::default() };
    let whole = parse(&[case.bytes], &limits);
    let mut pieces = Vec::new();
    let mut rest = case.bytes;
    for cut in &case.cuts {
        let (piece, behind) = rest.split_at(usize::from(*cut) % (rest.len() + 1));
        pieces.push(piece);
        rest = behind;
    }
    pieces.push(rest);
    assert_eq!(parse(&pieces, &limits), whole);
});
