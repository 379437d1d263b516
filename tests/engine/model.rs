//! Random scripts on one thread, compared with the model after every step.

use exuvia_tests::model::Script;
use exuvia_tests::seed::Seed;
use proptest::collection::vec;
use proptest::prelude::any;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

fn run_scripts(name: &str, cases: u32, steps_max: usize) {
    let mut seed = [0; 32];
    Seed::draw(name).rng(0).fill(&mut seed);
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 4_000,
        max_shrink_time: 20_000,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let scripts = (any::<u64>(), vec(any::<u64>(), 0..steps_max));
    let result = TestRunner::new_with_rng(config, rng).run(&scripts, |(store, words)| {
        Script::from_words(store, &words).run().map_err(TestCaseError::fail)
    });
    match result {
        Ok(()) => {}
        Err(TestError::Fail(reason, (store, words))) => {
            panic!("{reason}\n{}", Script::from_words(store, &words))
        }
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}

#[test]
fn short_scripts_answer_like_the_model() {
    run_scripts("short scripts", 400, 40);
}

#[test]
fn long_scripts_answer_like_the_model() {
    run_scripts("long scripts", 24, 600);
}
