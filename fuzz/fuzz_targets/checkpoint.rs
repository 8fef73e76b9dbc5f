//! Any bytes as a checkpoint: a graph that holds what it should, or an error.
//!
//! `cargo +nightly fuzz run checkpoint`. Checks are not compared while fuzzing, or nothing would be seen
//! of what is behind them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use teamgraph::checkpoint::load;
use teamgraph::graph::GraphLimits;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(loaded) = load(bytes, bytes.len() as u64, 1, GraphLimits::default()) {
        assert_eq!(loaded.writer.validate(), Ok(()));
    }
});
