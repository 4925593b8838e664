//! The gRPC services of Latchkey, package `controlplane.v1`: servers, clients and messages, generated from our `.proto`
//! files.

mod update;

pub use update::OrganizationServiceUpdateRequest;

/// What `controlplane/v1/*.proto` say.
#[allow(clippy::all, unreachable_pub, unused_qualifications, reason = "generated")]
pub mod v1 {
    pub use crate::OrganizationServiceUpdateRequest;
    tonic::include_proto!("controlplane.v1");
}

/// The files themselves, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
