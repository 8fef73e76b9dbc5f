//! The service over a real socket, asked by a real client.

mod admins;
mod batches;
mod changes;
mod checks;
mod freshness;
mod lists;
pub(crate) mod operator;
mod streams;
mod transport;

use super::{ServiceParts, serve};
use crate::change::{Change, Membership, NamePut, RowKey};
use crate::command::{Admin, Source, SourcePosition, SourceReply, SourceUnavailable};
use crate::graph::{GraphLimits, GraphWriter, HistoryLimits, Published, PublishedCell, Snapshot};
use crate::id::{History, Key, KeySpace, Lsn, MemberKind, Role, SourceKey, TableId};
use crate::pb;
use crate::status::{FeedState, FeedStatus, ProjectionStatus, StatusCell};
use pb::participation_service_client::ParticipationServiceClient;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt;

pub(crate) type Client = ParticipationServiceClient<Channel>;

const HISTORY: History = History { system_id: 77, timeline: 1 };

/// A source that answers what a test tells it to.
#[derive(Debug)]
pub(crate) struct FakeSource(Mutex<Result<SourcePosition, SourceUnavailable>>);

impl Source for FakeSource {
    fn position(&self) -> SourceReply {
        let answer = self.0.lock().unwrap().clone();
        Box::pin(std::future::ready(answer))
    }
}

/// A server, and all that feeds it.
pub(crate) struct World {
    writer: GraphWriter,
    published: Arc<PublishedCell>,
    feed: Arc<StatusCell<FeedStatus>>,
    source: Arc<FakeSource>,
    clock_ms: u64,
    rows: i64,
    pub(crate) address: SocketAddr,
    shutdown: CancellationToken,
    tasks: JoinSet<()>,
}

impl World {
    /// A server that has no copy yet.
    pub(crate) async fn start(limits: HistoryLimits) -> World {
        World::start_refusing(limits, None).await
    }

    /// A server that refuses questions once the source has been out of reach for so long.
    pub(crate) async fn start_refusing(
        limits: HistoryLimits,
        max_staleness: Option<Duration>,
    ) -> World {
        World::start_with(limits, max_staleness, None).await
    }

    /// A server that somebody does an operator's work for.
    pub(crate) async fn start_with(
        limits: HistoryLimits,
        max_staleness: Option<Duration>,
        admin: Option<Arc<dyn Admin>>,
    ) -> World {
        World::start_reporting(limits, max_staleness, admin, None).await
    }

    /// A server whose process keeps a participation table, too.
    pub(crate) async fn start_projecting(projection: Arc<StatusCell<ProjectionStatus>>) -> World {
        World::start_reporting(HistoryLimits::default(), None, None, Some(projection)).await
    }

    async fn start_reporting(
        limits: HistoryLimits,
        max_staleness: Option<Duration>,
        admin: Option<Arc<dyn Admin>>,
        projection: Option<Arc<StatusCell<ProjectionStatus>>>,
    ) -> World {
        let published = Arc::new(PublishedCell::new(limits));
        let feed = Arc::new(StatusCell::new(FeedStatus::default()));
        let unavailable = SourceUnavailable("not in this test".into());
        let source = Arc::new(FakeSource(Mutex::new(Err(unavailable))));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let asked: Arc<dyn Source> = Arc::<FakeSource>::clone(&source);
        let parts = ServiceParts {
            published: Arc::clone(&published),
            feed: Arc::clone(&feed),
            source: asked,
            instance: "test".to_owned(),
            checkpoint: None,
            projection,
            admin,
            max_staleness,
        };
        let mut tasks = JoinSet::new();
        let stop = shutdown.clone();
        tasks.spawn(async move { serve(listener, parts, stop).await.unwrap() });
        World {
            writer: GraphWriter::new(1, HISTORY, GraphLimits::default()),
            published,
            feed,
            source,
            clock_ms: 0,
            rows: 0,
            address,
            shutdown,
            tasks,
        }
    }

    /// A server whose feed streams, with people 1 alice, 2 bob, 3 carol (in nothing) and teams
    /// 10 dev ⊃ alice (admin), 11 eng ⊃ dev, bob, 12 all ⊃ eng, at LSN 0/64.
    pub(crate) async fn ready() -> (World, Client) {
        let mut world = World::start(HistoryLimits::default()).await;
        world.people(&[(1, "alice"), (2, "bob"), (3, "carol")]);
        world.teams(&[(10, "dev"), (11, "eng"), (12, "all")]);
        world.join(1, 10, Role::Admin);
        for (member, team) in [(10, 11), (2, 11), (11, 12)] {
            world.join(member, team, Role::Member);
        }
        world.stream();
        world.publish(100);
        let client = world.client().await;
        (world, client)
    }

    fn put(&mut self, key: SourceKey, kind: MemberKind, name: &str) {
        let name = NamePut::Set(Some(name.into()));
        self.writer.apply(Change::MemberPut { key, kind, name, owner: None }).unwrap();
    }

    pub(crate) fn people(&mut self, people: &[(i64, &str)]) {
        for &(id, name) in people {
            self.put(SourceKey::int(id), MemberKind::Person, name);
        }
    }

    pub(crate) fn teams(&mut self, teams: &[(i64, &str)]) {
        for &(id, name) in teams {
            self.put(SourceKey::int(id), MemberKind::Team, name);
        }
    }

    /// Gives the team that owner.
    pub(crate) fn own(&mut self, team: i64, name: &str, owner: i64) {
        let (key, kind) = (SourceKey::int(team), MemberKind::Team);
        let (name, owner) = (NamePut::Set(Some(name.into())), Some(SourceKey::int(owner)));
        self.writer.apply(Change::MemberPut { key, kind, name, owner }).unwrap();
    }

    pub(crate) fn join(&mut self, member: i64, team: i64, role: Role) {
        self.join_keys(SourceKey::int(member), SourceKey::int(team), role);
    }

    fn join_keys(&mut self, member: SourceKey, team: SourceKey, role: Role) {
        self.rows += 1;
        let row = RowKey { table: TableId(0), key: Key::Int(self.rows).into() };
        let states = Some(Membership { member, team, role });
        self.writer.apply(Change::RowPut { row, states }).unwrap();
    }

    fn forget(&mut self, id: i64) {
        self.writer.apply(Change::MemberDelete { key: SourceKey::int(id) }).unwrap();
    }

    /// Publishes what changed as a version that ends at `lsn`.
    pub(crate) fn publish(&mut self, lsn: u64) -> Arc<Snapshot> {
        let snapshot = self.writer.commit(Lsn(lsn));
        self.clock_ms += 1;
        let published = Published { snapshot: Arc::clone(&snapshot), applied_lsn: Lsn(lsn) };
        self.published.store(published, self.clock_ms);
        snapshot
    }

    /// Publishes that nothing happened up to `lsn`.
    fn watermark(&mut self, lsn: u64) {
        let snapshot = Arc::clone(self.writer.last());
        self.clock_ms += 1;
        self.published.store(Published { snapshot, applied_lsn: Lsn(lsn) }, self.clock_ms);
    }

    fn stream(&self) {
        self.feed.update(|feed| {
            feed.state = FeedState::Streaming;
            feed.stale_since = None;
        });
    }

    pub(crate) fn lose_the_source(&self) {
        self.feed.update(|feed| {
            feed.state = FeedState::BackingOff { error: "gone".into(), retry_in_ms: 500 };
            feed.stale_since = Some(SystemTime::now());
        });
    }

    fn source_ends_at(&self, lsn: u64) {
        *self.source.0.lock().unwrap() =
            Ok(SourcePosition { history: HISTORY, insert_lsn: Lsn(lsn) });
    }

    async fn channel(&self) -> Channel {
        let endpoint = Channel::from_shared(format!("http://{}", self.address)).unwrap();
        endpoint.connect().await.unwrap()
    }

    async fn client(&self) -> Client {
        Client::new(self.channel().await)
    }
}

fn id(id: i64) -> Option<pb::MemberRef> {
    Some(pb::MemberRef { kind: 0, r#ref: Some(pb::member_ref::Ref::Id(id)) })
}

fn named(name: &str) -> Option<pb::MemberRef> {
    Some(pb::MemberRef { kind: 0, r#ref: Some(pb::member_ref::Ref::Name(name.to_owned())) })
}

fn text(key: &str) -> SourceKey {
    SourceKey { space: KeySpace::DEFAULT, key: Key::Text(key.into()) }
}

fn check(member: Option<pb::MemberRef>, team: Option<pb::MemberRef>) -> pb::CheckRequest {
    pb::CheckRequest { member, team, ..Default::default() }
}

fn at_least(token: &str, max_wait_ms: u32) -> Option<pb::Freshness> {
    let at = Some(pb::freshness::At::AtLeastAsFresh(token.to_owned()));
    Some(pb::Freshness { at, max_wait_ms: Some(max_wait_ms) })
}

/// The error's reason, after its code is seen to be the table's.
fn reason(status: &Status) -> String {
    let info = status.get_details_error_info().unwrap_or_else(|| panic!("no reason: {status:?}"));
    assert_eq!(info.domain, "teamgraph");
    let row = super::errors::Reason::ALL
        .iter()
        .map(|reason| reason.row())
        .find(|row| row.name == info.reason)
        .unwrap();
    assert_eq!(row.code, status.code(), "{status:?}");
    info.reason
}

/// One value of the error's metadata.
fn value(status: &Status, name: &str) -> String {
    let info = status.get_details_error_info().unwrap();
    info.metadata.get(name).unwrap_or_else(|| panic!("no {name} in {info:?}")).clone()
}
