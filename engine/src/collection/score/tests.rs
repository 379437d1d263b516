//! Codes of all scores that something is special about, in every pair and with what follows.

use super::{CODE_BYTES_MAX, Code, code_len, split};

/// Zero, both infinities, and numbers around every power of two and every decimal one, of either
/// sign: the next ones, the next whole ones, and ones between.
fn scores() -> Vec<f64> {
    let mut scores = vec![0.0, f64::INFINITY, f64::MAX, f64::MIN_POSITIVE, f64::from_bits(1)];
    let powers = (-1074..1024).map(|exponent| 2_f64.powi(exponent));
    for power in powers.chain((0..18).map(|exponent| 10_f64.powi(exponent))) {
        scores.extend([power, power.next_down(), power.next_up()]);
        for part in [0.125, 0.1, 0.5, 0.99, 1.0, 1.5, 2.0, 3.0] {
            scores.extend([power - part, power + part]);
        }
        scores.extend([power * 1.1, power * 1.5]);
    }
    scores.extend((0..600).map(|number| f64::from(number) / 7.0));
    let negative: Vec<f64> = scores.iter().map(|score| -score).collect();
    scores.extend(negative);
    scores.sort_by(f64::total_cmp);
    scores.dedup();
    scores
}

fn element(score: f64, member: &[u8]) -> Vec<u8> {
    [Code::new(score).as_slice(), member].concat()
}

fn assert_comes_back(score: f64) {
    for member in [&b""[..], b"\0", b"\xff\xff", b"member", b"a member of some bytes"] {
        let element = element(score, member);
        let (back, rest) = split(&element);
        assert_eq!((back, rest), (score, member), "{element:x?}");
        assert!(back != 0.0 || back.is_sign_positive());
        assert_eq!(code_len(&element), element.len() - member.len());
        assert!(element.len() - member.len() <= CODE_BYTES_MAX);
    }
}

fn random(rng: &mut fastrand::Rng) -> f64 {
    let score = match rng.u8(0..4) {
        0 => f64::from_bits(rng.u64(..)),
        1 => (rng.i64(..) >> rng.u32(0..64)) as f64,
        2 => (rng.i64(..) >> rng.u32(0..64)) as f64 / 100.0,
        _ => rng.f64() - 0.5,
    };
    if score.is_nan() { 0.0 } else { score }
}

#[test]
fn scores_come_back_as_they_were() {
    scores().into_iter().for_each(assert_comes_back);
    let mut rng = fastrand::Rng::with_seed(5);
    (0..200_000).for_each(|_| assert_comes_back(random(&mut rng)));
    assert_eq!(element(-0.0, b"member"), element(0.0, b"member"));
}

#[test]
fn codes_sort_as_scores_whatever_follows() {
    let scores = scores();
    for pair in scores.windows(2) {
        let [low, high] = pair else { unreachable!("windows of two") };
        let highest = element(*low, &[0xff; 12]);
        assert!(highest < element(*high, b""), "{low:e} and {high:e}");
        let above = Code::new(*low).successor();
        assert!(&highest[..] < above.as_slice(), "{low:e}");
        assert!(above.as_slice() <= &element(*high, b"")[..], "{low:e} and {high:e}");
    }
    let mut rng = fastrand::Rng::with_seed(6);
    for _ in 0..200_000 {
        let (left, right) = (random(&mut rng), random(&mut rng));
        let (one, other) = ([rng.u8(..)], [rng.u8(..), 1]);
        let order = left.partial_cmp(&right).unwrap().then_with(|| one[..].cmp(&other[..]));
        assert_eq!(element(left, &one).cmp(&element(right, &other)), order, "{left:e}, {right:e}");
    }
}

#[test]
fn common_scores_are_short() {
    let lengths = [
        (0.0, 1),
        (30.0, 1),
        (31.0, 2),
        (-4094.0, 2),
        (12_345.0, 3),
        (524_287.0, 4),
        // Times in seconds and in milliseconds.
        (1_769_903_998.0, 5),
        (1_769_903_998_123.0, 7),
        (1_769_903_998.25, 6),
        (1_769_903_998.123_456, 8),
        // A place on earth in 52 bits.
        (3_479_447_370_796_909.0, 8),
        (9_007_199_254_740_993.0, 8),
        (1e300, 9),
        (4.5, 2),
        (0.75, 2),
        (19.99, 8),
        (0.1, 8),
        (1e-9, 9),
    ];
    for (score, len) in lengths {
        assert_eq!(Code::new(score).as_slice().len(), len, "{score}");
    }
}

#[test]
fn what_is_no_code_is_split_somewhere() {
    let mut rng = fastrand::Rng::with_seed(7);
    for _ in 0..200_000 {
        let mut bytes: Vec<u8> = (0..rng.usize(0..20)).map(|_| rng.u8(..)).collect();
        // Long numbers and long distances.
        if let Some(first) = bytes.first_mut()
            && rng.bool()
        {
            *first |= 0xf0;
        }
        let rest = split(&bytes).1;
        assert!(bytes.ends_with(rest));
        assert_eq!(bytes[code_len(&bytes)..], *rest);
    }
}
