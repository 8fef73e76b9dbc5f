//! Compiles `proto/` with a compiler written in Rust, so that no `protoc` is needed.

use protox::prost::Message;
use std::error::Error;
use std::path::PathBuf;

const ROOT: &str = "proto";
const SERVICES: [&str; 2] =
    ["teamgraph/v1/participation_service.proto", "teamgraph/v1/admin_service.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let descriptors = protox::compile(SERVICES, [ROOT])?;
    // Reflection serves the same descriptors that the code was made from.
    std::fs::write(out.join("teamgraph.v1.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    println!("cargo:rerun-if-changed={ROOT}");
    Ok(())
}
