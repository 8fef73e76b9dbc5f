//! Any bytes are a message of the change feed, or an error: never a panic.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _decoded = teamgraph::feed::pgoutput::Message::decode(bytes);
});
