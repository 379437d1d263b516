//! Replies in both versions of the protocol, and their way through chunks.

use super::*;

fn written(protocol: Protocol, write: impl FnOnce(&mut Output)) -> String {
    let mut output = Output::new();
    output.set_protocol(protocol);
    write(&mut output);
    String::from_utf8(output.to_vec()).unwrap()
}

#[test]
fn every_reply_has_its_form_in_both_versions() {
    type Case = (fn(&mut Output), &'static str, &'static str);
    let cases: [Case; 15] = [
        (|out| out.ok(), "+OK\r\n", "+OK\r\n"),
        (|out| out.status("QUEUED"), "+QUEUED\r\n", "+QUEUED\r\n"),
        (|out| out.error("ERR a\r\nb"), "-ERR a  b\r\n", "-ERR a  b\r\n"),
        (|out| out.integer(-12), ":-12\r\n", ":-12\r\n"),
        (|out| out.bulk(b"a\r\nb"), "$4\r\na\r\nb\r\n", "$4\r\na\r\nb\r\n"),
        (|out| out.bulk(b""), "$0\r\n\r\n", "$0\r\n\r\n"),
        (Output::null, "$-1\r\n", "_\r\n"),
        (Output::null_array, "*-1\r\n", "_\r\n"),
        (|out| out.array(3), "*3\r\n", "*3\r\n"),
        (|out| out.map(3), "*6\r\n", "%3\r\n"),
        (|out| out.set(3), "*3\r\n", "~3\r\n"),
        (|out| out.push(3), "*3\r\n", ">3\r\n"),
        (|out| out.double(0.5), "$3\r\n0.5\r\n", ",0.5\r\n"),
        (|out| out.double(f64::NEG_INFINITY), "$4\r\n-inf\r\n", ",-inf\r\n"),
        (|out| out.verbatim("abc"), "$3\r\nabc\r\n", "=7\r\ntxt:abc\r\n"),
    ];
    for (write, resp2, resp3) in cases {
        assert_eq!(written(Protocol::Resp2, write), resp2);
        assert_eq!(written(Protocol::Resp3, write), resp3);
    }
}

/// Sends everything in steps of `step` bytes at most, as a socket with little room would.
fn drain(output: &mut Output, step: usize) -> Vec<u8> {
    let mut all = Vec::new();
    while !output.is_empty() {
        output.refill();
        let mut slices = [IoSlice::new(&[]); Output::SLICES_MAX];
        let used = output.slices(&mut slices);
        let mut left = step;
        let before = all.len();
        for slice in &slices[..used] {
            let taken = slice.len().min(left);
            all.extend_from_slice(&slice[..taken]);
            left -= taken;
        }
        let sent = all.len() - before;
        assert!(sent > 0, "there are always bytes to send until all are sent");
        output.advance(sent);
    }
    assert_eq!(output.pending_bytes(), 0);
    all
}

#[test]
fn chunks_leave_in_order_however_little_the_socket_takes() {
    for step in [1, 7, 16, 1000, 1 << 20] {
        let mut output = Output::new();
        let mut expected = Vec::new();
        for round in 0..100_u8 {
            output.raw(&[round; 3]);
            expected.extend_from_slice(&[round; 3]);
            if round % 3 == 0 {
                output.shared(Value::from(vec![b'v'; 50 + usize::from(round)]));
                expected.extend(std::iter::repeat_n(b'v', 50 + usize::from(round)));
            }
        }
        assert_eq!(output.pending_bytes(), expected.len());
        assert_eq!(drain(&mut output, step), expected, "in steps of {step}");
    }
}

#[test]
fn a_truncated_reply_leaves_no_trace() {
    let mut output = Output::new();
    for prefix in [&b""[..], b"before"] {
        output.raw(prefix);
        let (mark, before) = (output.mark(), output.to_vec());
        output.raw(b"half");
        output.shared(Value::from(vec![1; 100]));
        output.raw(b"of it");
        output.shared(Value::from(vec![2; 100]));
        output.truncate(mark);
        assert_eq!(output.to_vec(), before);
        assert_eq!(output.pending_bytes(), before.len());
    }
}

#[test]
fn an_appended_output_follows_what_was_there() {
    for large in [false, true] {
        let mut output = Output::new();
        output.raw(b"head");
        let mut other = Output::new();
        other.raw(b"body");
        if large {
            other.shared(Value::from(vec![b'x'; 10]));
            other.raw(&vec![b'y'; Output::SHARED_BYTES_MIN]);
        }
        let expected = [b"head".to_vec(), other.to_vec(), b"tail".to_vec()].concat();
        output.append(other);
        output.raw(b"tail");
        assert_eq!(output.pending_bytes(), expected.len());
        assert_eq!(drain(&mut output, 9), expected);
    }
}

#[test]
fn a_client_that_never_catches_up_does_not_make_the_buffer_grow() {
    let mut output = Output::new();
    output.raw(&[0; 100]);
    for _ in 0..10_000 {
        output.raw(&[0; 100]);
        output.advance(100);
    }
    assert_eq!(output.pending_bytes(), 100);
    assert!(output.allocated_bytes() < 128 << 10, "{}", output.allocated_bytes());
}

/// Numbers from `next` to `end`, a few in each part.
#[derive(Debug)]
struct Numbers {
    next: u32,
    end: u32,
}

impl Source for Numbers {
    fn write_part(&mut self, out: &mut Output) -> bool {
        let end = self.end.min(self.next + 7);
        for number in self.next..end {
            out.integer(i64::from(number));
        }
        out.map(1);
        self.next = end;
        self.next == self.end
    }
}

#[test]
fn what_is_written_later_keeps_its_place_and_its_version() {
    for step in [1, 7, 1000] {
        let mut output = Output::new();
        output.set_protocol(Protocol::Resp3);
        output.raw(b"before");
        output.later(Box::new(Numbers { next: 0, end: 9 }));
        output.set_protocol(Protocol::Resp2);
        output.raw(b"between");
        output.later(Box::new(Numbers { next: 5, end: 6 }));
        let mark = output.mark();
        output.raw(b"undone");
        output.later(Box::new(Numbers { next: 1, end: 2 }));
        output.raw(b"undone");
        output.truncate(mark);
        output.shared(Value::from(&b"behind"[..]));
        let numbers = ":0\r\n:1\r\n:2\r\n:3\r\n:4\r\n:5\r\n:6\r\n";
        let expected = format!("before{numbers}%1\r\n:7\r\n:8\r\n%1\r\nbetween:5\r\n*2\r\nbehind");
        assert_eq!(drain(&mut output, step), expected.as_bytes(), "in steps of {step}");
    }
}
