//! The parser, fed whole, in two parts at every place, and byte by byte.

use super::*;

type Commands = Vec<Vec<Vec<u8>>>;

/// Feeds `parts` one after the other; returns the commands and the error that ended them.
fn parse_parts(parts: &[&[u8]], limits: &Limits) -> (Commands, Option<ProtocolError>) {
    let mut input = Input::new();
    let mut found = Vec::new();
    for part in parts {
        let mut rest = *part;
        loop {
            rest = &rest[input.feed(rest)..];
            let result = input.parse(limits);
            for command in input.commands() {
                found.push(input.args(*command).iter().map(<[u8]>::to_vec).collect());
            }
            let more = !input.commands().is_empty();
            input.consume();
            if let Err(error) = result {
                return (found, Some(error));
            }
            if !more && rest.is_empty() {
                break;
            }
        }
    }
    (found, None)
}

fn parse(bytes: &[u8]) -> (Commands, Option<ProtocolError>) {
    parse_parts(&[bytes], &Limits::default())
}

fn command(args: &[&[u8]]) -> Vec<Vec<u8>> {
    args.iter().map(|arg| arg.to_vec()).collect()
}

#[test]
fn a_pipeline_of_both_kinds_of_command_is_cut_at_every_split_point() {
    let bytes = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n\r\nset  'a b' \"c\\x41\"\r\n*0\r\n*-1\r\nPING\n\
        *3\r\n$3\r\nSET\r\n$0\r\n\r\n$4\r\na\r\nb\r\n*1\r\n$4\r\nQUIT\r\n";
    let expected = vec![
        command(&[b"GET", b"k"]),
        command(&[b"set", b"a b", b"cA"]),
        command(&[b"PING"]),
        command(&[b"SET", b"", b"a\r\nb"]),
        command(&[b"QUIT"]),
    ];
    assert_eq!(parse(bytes), (expected.clone(), None));
    for split in 0..=bytes.len() {
        let parts = [&bytes[..split], &bytes[split..]];
        assert_eq!(parse_parts(&parts, &Limits::default()), (expected.clone(), None), "{split}");
    }
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(parse_parts(&single, &Limits::default()), (expected, None));
}

#[test]
fn broken_protocol_is_named_in_redis_words_wherever_it_is_split() {
    for (bytes, text) in [
        (&b"*x\r\n"[..], "Protocol error: invalid multibulk length"),
        (b"*1048577\r\n", "Protocol error: invalid multibulk length"),
        (b"*99999999999999999999\r\n", "Protocol error: invalid multibulk length"),
        (b"*01\r\n", "Protocol error: invalid multibulk length"),
        (b"*\r\n", "Protocol error: invalid multibulk length"),
        (b"*1\r\n:1\r\n", "Protocol error: expected '$', got ':'"),
        (b"*1\r\n$x\r\n", "Protocol error: invalid bulk length"),
        (b"*1\r\n$-1\r\n", "Protocol error: invalid bulk length"),
        (b"*1\r\n$\r\n", "Protocol error: invalid bulk length"),
        (b"*1\r\n$536870913\r\n", "Protocol error: invalid bulk length"),
        (b"*1\r\n$18446744073709551617\r\n", "Protocol error: invalid bulk length"),
        (b"set \"foo\r\n", "Protocol error: unbalanced quotes in request"),
    ] {
        let bytes = [b"PING\r\n", bytes].concat();
        for split in 0..=bytes.len() {
            let parts = [&bytes[..split], &bytes[split..]];
            let (found, error) = parse_parts(&parts, &Limits::default());
            assert_eq!(found, [command(&[b"PING"])], "what came before is answered");
            assert_eq!(error.unwrap().to_string(), text, "{}", bytes.escape_ascii());
        }
    }
}

#[test]
fn lines_that_do_not_end_are_cut_off_at_64_kib() {
    let endless = vec![b'1'; LINE_BYTES_MAX + 2];
    let error = |start: &[u8]| parse(&[start, &endless].concat()).1;
    assert_eq!(error(b""), Some(ProtocolError::InlineTooLong));
    assert_eq!(error(b"*"), Some(ProtocolError::CountTooLong));
    assert_eq!(error(b"*1\r\n$"), Some(ProtocolError::LengthTooLong));
}

#[test]
fn a_client_that_has_not_authenticated_is_kept_short() {
    let limits = Limits { unauthenticated: true, ..Limits::default() };
    let error = |bytes: &[u8]| parse_parts(&[bytes], &limits).1;
    assert_eq!(error(b"*11\r\n"), Some(ProtocolError::UnauthenticatedCount));
    assert_eq!(error(b"*1\r\n$16385\r\n"), Some(ProtocolError::UnauthenticatedLength));
    let mut input = Input::new();
    input.feed(b"AUTH x\r\nGET k\r\n");
    input.parse(&limits).unwrap();
    assert_eq!(input.commands().len(), 1, "the next command may have other limits");
}

#[test]
fn announced_lengths_cost_nothing_until_bytes_arrive() {
    let mut input = Input::new();
    input.feed(b"*1048576\r\n$536870912\r\n");
    input.parse(&Limits::default()).unwrap();
    assert!(input.allocated_bytes() < 256 << 10, "{}", input.allocated_bytes());
    let mut received = 0_usize;
    while received < 8 << 20 {
        received += input.feed(&[b'x'; 10_000]);
        input.parse(&Limits::default()).unwrap();
        input.consume();
        let allocated = input.allocated_bytes();
        assert!(allocated <= received * LARGE_GROWTH + (256 << 10), "{allocated} for {received}");
    }
}

#[test]
fn a_large_argument_arrives_whole_whatever_the_reads() {
    let seed = crate::seed::test_seed();
    let mut random = fastrand::Rng::with_seed(seed);
    for bytes in [LARGE_BYTES_MIN - 1, LARGE_BYTES_MIN, LARGE_BYTES_MIN + 1, 1_000_000] {
        let value: Vec<u8> = (0..bytes).map(|_| random.u8(..)).collect();
        let mut wire = Vec::new();
        for key in [b"a", b"b"] {
            wire.extend_from_slice(b"*3\r\n$3\r\nSET\r\n$1\r\n");
            wire.extend_from_slice(key);
            wire.extend_from_slice(format!("\r\n${bytes}\r\n").as_bytes());
            wire.extend_from_slice(&value);
            wire.extend_from_slice(b"\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
        }
        let mut parts = Vec::new();
        let mut rest = &wire[..];
        while !rest.is_empty() {
            let (part, behind) = rest.split_at(random.usize(1..=rest.len().min(100_000)));
            parts.push(part);
            rest = behind;
        }
        let (found, error) = parse_parts(&parts, &Limits::default());
        assert_eq!(error, None);
        let get = command(&[b"GET", b"k"]);
        let expected =
            [command(&[b"SET", b"a", &value]), get.clone(), command(&[b"SET", b"b", &value]), get];
        assert!(found == expected, "{bytes} bytes");
    }
}

#[test]
fn a_command_may_not_exceed_the_buffer_limit_with_all_its_arguments() {
    let mut input = Input::new();
    let limits = Limits::default();
    input.feed(b"*4\r\n");
    // Two arguments of the largest size are announced; the third does not fit any more. The
    // large ones are skipped by putting the parser behind them.
    for _ in 0..2 {
        input.feed(b"$536870912\r\n");
        input.parse(&limits).unwrap();
        let State::Large { left, .. } = input.state else { panic!("a large argument") };
        input.state = State::Length { left: left - 1 };
    }
    input.feed(b"$16777216\r\n");
    assert_eq!(input.parse(&limits), Err(ProtocolError::CommandTooLong));
}

#[test]
fn random_bytes_are_cut_alike_in_one_piece_and_in_many() {
    let seed = crate::seed::test_seed();
    let mut random = fastrand::Rng::with_seed(seed);
    for _ in 0..3000 {
        let pieces: [&[u8]; 12] = [
            b"*1\r\n",
            b"*2\r\n",
            b"*3\r\n",
            b"$0\r\n\r\n",
            b"$3\r\nGET\r\n",
            b"$1\r\nk\r\n",
            b"PING\r\n",
            b"\r\n",
            b"*0\r\n",
            b"$2\r\n",
            b"'",
            b"x",
        ];
        let bytes: Vec<u8> = (0..random.usize(1..20))
            .flat_map(|_| random.choice(pieces).unwrap().to_vec())
            .collect();
        let whole = parse(&bytes);
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        let parts = parse_parts(&single, &Limits::default());
        assert_eq!(whole, parts, "{}", bytes.escape_ascii());
    }
}

#[test]
fn a_batch_is_bounded_and_the_rest_waits() {
    let mut input = Input::new();
    input.feed(&b"PING\r\n".repeat(COMMANDS_MAX + 5));
    input.parse(&Limits::default()).unwrap();
    assert_eq!(input.commands().len(), COMMANDS_MAX);
    input.consume();
    input.parse(&Limits::default()).unwrap();
    assert_eq!(input.commands().len(), 5);
    input.consume();
    assert_eq!(input.unparsed_bytes(), 0);
}
