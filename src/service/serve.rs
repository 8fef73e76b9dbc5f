//! Puts the service together and runs it on a socket.
//!
//! Owns the transport's settings. It must not know what is asked.

use super::admin::Administration;
use super::contact::Contact;
use super::freshness::Reads;
use super::health;
use super::limits;
use super::participation::{Answers, Instance, Participation, Reports};
use super::refused::Explained;
use crate::command::{Admin, Source};
use crate::graph::PublishedCell;
use crate::pb;
use crate::status::{CheckpointStatus, FeedStatus, ProjectionStatus, StatusCell};
use pb::admin_service_server::AdminServiceServer;
use pb::participation_service_server::ParticipationServiceServer;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

/// How often a silent connection is asked whether it lives: often enough for what forgets idle
/// connections after a minute on the way.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
/// How long it may take to answer that.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// What the service answers from, and who it is.
#[derive(Clone, Debug)]
pub struct ServiceParts {
    /// Where versions appear.
    pub published: Arc<PublishedCell>,
    /// The feed's report.
    pub feed: Arc<StatusCell<FeedStatus>>,
    /// Asks the source where its log ends.
    pub source: Arc<dyn Source>,
    /// The server's name in answers.
    pub instance: String,
    /// The report of those who keep the graph on disk, if anybody does.
    pub checkpoint: Option<Arc<StatusCell<CheckpointStatus>>>,
    /// The report of whoever keeps a participation table, if anybody does.
    pub projection: Option<Arc<StatusCell<ProjectionStatus>>>,
    /// Who does what an operator asks for, if anybody does.
    pub admin: Option<Arc<dyn Admin>>,
    /// For how long the source may be out of reach before questions are refused; they never are if
    /// there is none.
    pub max_staleness: Option<Duration>,
}

/// The service cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The API's own description cannot be read.
    #[error("the descriptors for server reflection are broken: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The transport failed.
    #[error("serving gRPC failed: {0}")]
    Transport(#[from] tonic::transport::Error),
}

/// Serves on `listener` until `shutdown`; then takes no more requests and gives those under way
/// their time ([`limits::DRAIN_MS`]).
///
/// # Errors
/// [`ServeError`] where the transport cannot be set up or fails.
pub async fn serve(
    listener: TcpListener,
    parts: ServiceParts,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    let ServiceParts { published, feed, source, instance, .. } = parts;
    let contact = Arc::new(Contact::new(feed, parts.max_staleness));
    let reads = Reads::new(Arc::clone(&published), Arc::clone(&contact), source, shutdown.clone());
    let instance = Instance::new(instance);
    let (checkpoint, projection, admin) = (parts.checkpoint, parts.projection, parts.admin);
    let reports = Reports { checkpoint, projection, admin: admin.clone() };
    let answers = Answers::new(reads, Arc::clone(&contact), instance, reports);
    let participation = ParticipationServiceServer::new(Participation(Arc::new(answers)))
        .max_decoding_message_size(limits::REQUEST_BYTES.count())
        // Answers are cut to `ANSWER_BYTES` where they are made; this is the net below.
        .max_encoding_message_size(limits::ANSWER_BYTES.count());
    let admin = AdminServiceServer::new(Administration(admin))
        .max_decoding_message_size(limits::REQUEST_BYTES.count())
        .max_encoding_message_size(limits::ANSWER_BYTES.count());
    let (reporter, health_server) = tonic_health::server::health_reporter();
    health::begin(&reporter).await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(pb::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()?;
    let calls = u32::try_from(limits::CONNECTION_CALLS.value).unwrap_or(u32::MAX);
    let server = Server::builder()
        .max_concurrent_streams(calls)
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .add_service(Explained(participation))
        .add_service(Explained(admin))
        .add_service(health_server)
        .add_service(reflection)
        .serve_with_incoming_shutdown(
            TcpIncoming::from(listener).with_nodelay(Some(true)),
            shutdown.clone().cancelled_owned(),
        );
    tokio::select! {
        served = server => Ok(served?),
        () = health::run(reporter, &published, &contact, shutdown) => {
            tracing::warn!(drain_ms = limits::DRAIN_MS.value, "some requests did not end in time");
            Ok(())
        }
    }
}
