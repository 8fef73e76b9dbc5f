//! The wire types of `teamgraph.v1`, generated from `proto/`.
//!
//! Owns nothing but the inclusion of generated code. Only the service and the client commands may
//! know these types; the service converts them at its edge.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::as_conversions,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::clone_on_ref_ptr,
    clippy::large_futures,
    clippy::too_many_lines,
    unused_qualifications,
    reason = "generated"
)]

tonic::include_proto!("teamgraph.v1");

/// The `google.protobuf.FileDescriptorSet` of the API, for reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = tonic::include_file_descriptor_set!("teamgraph.v1");
