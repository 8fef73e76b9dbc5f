//! The two servers, each with a thread of its own, and a client of each.

use crate::empty::Empty;
use std::sync::Arc;
use teamgraph::command::{Source, SourceReply, SourceUnavailable};
use teamgraph::graph::{GraphLimits, GraphWriter, Published, PublishedCell};
use teamgraph::id::{History, Lsn};
use teamgraph::pb;
use teamgraph::pb::participation_service_client::ParticipationServiceClient;
use teamgraph::pb::participation_service_server::ParticipationServiceServer;
use teamgraph::service::{ServiceParts, serve};
use teamgraph::status::{FeedState, FeedStatus, StatusCell};
use teamgraph::synthetic::{Random, Shape, Synthetic};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};

pub type Client = ParticipationServiceClient<Channel>;

#[derive(Debug)]
struct NoSource;

impl Source for NoSource {
    fn position(&self) -> SourceReply {
        Box::pin(std::future::ready(Err(SourceUnavailable("a benchmark has none".into()))))
    }
}

pub struct Servers {
    /// The clients' runtime.
    pub runtime: Runtime,
    pub ours: Client,
    pub empty: Client,
    /// Random members (nine in ten of them people) and teams, by key.
    pub pairs: Vec<(i64, i64)>,
}

impl Servers {
    pub fn start() -> Self {
        let size = std::env::var("TEAMGRAPH_BENCH_SIZE").unwrap_or_else(|_| "s".to_owned());
        let synthetic = Synthetic::new(Shape::named(&size).unwrap());
        let history = History { system_id: 77, timeline: 1 };
        let mut writer = GraphWriter::new(1, history, GraphLimits::default());
        for change in synthetic.changes() {
            writer.apply(change).unwrap();
        }
        let published = Arc::new(PublishedCell::default());
        let snapshot = writer.commit(Lsn(100));
        published.store(Published { snapshot, applied_lsn: Lsn(100) }, 0);
        let state = FeedState::Streaming;
        let parts = ServiceParts {
            published,
            feed: Arc::new(StatusCell::new(FeedStatus { state, ..FeedStatus::default() })),
            source: Arc::new(NoSource),
            instance: "bench".to_owned(),
            checkpoint: None,
            projection: None,
            admin: None,
            max_staleness: None,
        };
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let ours = on_a_thread(|listener| async {
            serve(listener, parts, CancellationToken::new()).await.unwrap();
        });
        let empty = on_a_thread(|listener| async {
            let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
            let service = ParticipationServiceServer::new(Empty);
            Server::builder().add_service(service).serve_with_incoming(incoming).await.unwrap();
        });
        let connect = |address| runtime.block_on(Client::connect(address)).unwrap();
        let (ours, empty) = (connect(ours), connect(empty));
        let mut random = Random::new(5);
        let (teams, people) = (synthetic.teams(), synthetic.people());
        let mut draw = |from: i64, to: i64| {
            from + i64::try_from(random.below(u64::try_from(to - from + 1).unwrap())).unwrap()
        };
        let mut pair = |place| {
            let members = if place % 10 == 0 { &teams } else { &people };
            (draw(*members.start(), *members.end()), draw(*teams.start(), *teams.end()))
        };
        let pairs = (0..65_536).map(&mut pair).collect();
        Servers { runtime, ours, empty, pairs }
    }

    /// The clients, each with the name of its server.
    pub fn each(&self) -> [(&'static str, Client); 2] {
        [("ours", self.ours.clone()), ("empty", self.empty.clone())]
    }
}

/// Serves on a free port of the loopback; its address.
fn on_a_thread<F: Future<Output = ()>>(
    server: impl FnOnce(TcpListener) -> F + Send + 'static,
) -> String {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            sender.send(listener.local_addr().unwrap()).unwrap();
            server(listener).await;
        });
    });
    format!("http://{}", receiver.recv().unwrap())
}

/// A reference by integer key.
pub fn id(id: i64) -> Option<pb::MemberRef> {
    Some(pb::MemberRef { kind: 0, r#ref: Some(pb::member_ref::Ref::Id(id)) })
}
