//! Any bytes as a checkpoint: a graph that holds what it should, or an error.
//!
//! `fuzz/run checkpoint`. Checks are not compared while fuzzing, or nothing would be seen of what is
//! behind them; and the bytes are put into a checkpoint that is whole, at a place that they name, for
//! hardly any begin as one does.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::{Arc, OnceLock};
use teamgraph::checkpoint::{Header, load, write};
use teamgraph::graph::{GraphLimits, GraphWriter};
use teamgraph::id::{History, Lsn};
use teamgraph::synthetic::{Shape, Synthetic};

fn whole() -> &'static [u8] {
    static WHOLE: OnceLock<Vec<u8>> = OnceLock::new();
    WHOLE.get_or_init(|| {
        let history = History::default();
        let mut writer = GraphWriter::new(1, history, GraphLimits::default());
        let shape = Shape { people: 60, teams: 12, memberships: 150, cycles: 1, ..Shape::S };
        for change in Synthetic::new(shape).changes() {
            writer.apply(change).unwrap();
        }
        writer.commit(Lsn(8));
        let facts = Arc::default();
        let header = Header { history, version: Lsn(8), applied: Lsn(8), facts };
        let mut bytes = Vec::new();
        write(&mut bytes, &header, &writer.image(), || Ok(())).unwrap();
        bytes
    })
}

fuzz_target!(|bytes: &[u8]| {
    let [high, low, bytes @ ..] = bytes else { return };
    let whole = whole();
    let place = usize::from(u16::from_be_bytes([*high, *low])) % whole.len();
    let rest = whole.get(place + bytes.len()..).unwrap_or_default();
    let bytes = [&whole[..place], bytes, rest].concat();
    if let Ok(loaded) = load(&bytes[..], bytes.len() as u64, 1, GraphLimits::default()) {
        assert_eq!(loaded.writer.validate(), Ok(()));
    }
});
