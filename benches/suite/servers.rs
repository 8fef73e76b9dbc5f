//! Servers on loopback, each on one thread, so on one core; and clients that ask them.

use crate::empty_service::EmptyService;
use crate::questions::Question;
use anyhow::Context;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use teamgraph::command::{Source, SourceReply, SourceUnavailable};
use teamgraph::graph::PublishedCell;
use teamgraph::pb::member_ref::Ref;
use teamgraph::pb::participation_service_client::ParticipationServiceClient;
use teamgraph::pb::participation_service_server::ParticipationServiceServer;
use teamgraph::pb::{CheckRequest, MemberRef};
use teamgraph::service::limits::REQUEST_BYTES;
use teamgraph::service::{ServiceParts, serve};
use teamgraph::status::{FeedState, FeedStatus, StatusCell};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};

pub type Asker = ParticipationServiceClient<Channel>;

/// One thread and no other: one core.
pub fn one_core() -> anyhow::Result<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

/// A server on a thread of its own; it ends when dropped.
pub struct OneCore {
    pub address: SocketAddr,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl OneCore {
    /// The product's service.
    pub fn real(published: Arc<PublishedCell>, thread: &str) -> anyhow::Result<Self> {
        let feed = FeedStatus { state: FeedState::Streaming, ..FeedStatus::default() };
        let parts = ServiceParts {
            published,
            feed: Arc::new(StatusCell::new(feed)),
            source: Arc::new(NoSource),
            instance: "bench".to_owned(),
            checkpoint: None,
            projection: None,
            admin: None,
            max_staleness: None,
        };
        Self::start(thread, |listener, stop| async move {
            serve(listener, parts, stop).await.map_err(Into::into)
        })
    }

    /// Handlers that do nothing, over the same transport.
    pub fn empty(service: EmptyService, thread: &str) -> anyhow::Result<Self> {
        Self::start(thread, |listener, stop| async move {
            let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
            let service = ParticipationServiceServer::new(service);
            let service = service.max_decoding_message_size(usize::try_from(REQUEST_BYTES.value)?);
            let server = Server::builder().max_concurrent_streams(4_096).add_service(service);
            // Its clients' connections may be at rest by then, and would never say goodbye.
            tokio::select! {
                served = server.serve_with_incoming(incoming) => Ok(served?),
                () = stop.cancelled() => Ok(()),
            }
        })
    }

    fn start<F>(
        thread: &str,
        serving: impl FnOnce(TcpListener, CancellationToken) -> F + Send + 'static,
    ) -> anyhow::Result<Self>
    where
        F: Future<Output = anyhow::Result<()>>,
    {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let (address, stop) = (listener.local_addr()?, CancellationToken::new());
        let (runtime, stopped) = (one_core()?, stop.clone());
        let work = move || {
            let served = runtime
                .block_on(async { serving(TcpListener::from_std(listener)?, stopped).await });
            if let Err(error) = served {
                eprintln!("suite: a server ended: {error:#}");
            }
        };
        let thread = std::thread::Builder::new().name(thread.into()).spawn(work)?;
        Ok(OneCore { address, stop, thread: Some(thread) })
    }
}

impl Drop for OneCore {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // Its end was told on the way.
            let _ended = thread.join();
        }
    }
}

/// Nobody asks for a position that is not applied.
#[derive(Debug)]
struct NoSource;

impl Source for NoSource {
    fn position(&self) -> SourceReply {
        Box::pin(std::future::ready(Err(SourceUnavailable("not in this benchmark".into()))))
    }
}

/// One connection.
pub async fn asker(address: SocketAddr) -> anyhow::Result<Asker> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?.tcp_nodelay(true);
    Ok(Asker::new(endpoint.connect().await.context("connect to a server")?))
}

pub async fn askers(address: SocketAddr, count: usize) -> anyhow::Result<Vec<Asker>> {
    let mut askers = Vec::new();
    for _ in 0..count {
        askers.push(asker(address).await?);
    }
    Ok(askers)
}

pub fn member_ref(key: i64) -> Option<MemberRef> {
    Some(MemberRef { kind: 0, r#ref: Some(Ref::Id(key)) })
}

pub fn check_request((member, team): Question) -> CheckRequest {
    CheckRequest { member: member_ref(member), team: member_ref(team), ..CheckRequest::default() }
}
