//! Whoever writes, and asks with the token read after the commit, sees the write.

use super::served::{Asker, Served, asker};
use super::source::{LOOK, Source, connect, start, until};
use std::sync::Arc;
use std::time::Duration;
use teamgraph::apply::Applier;
use teamgraph::change::FeedEvent;
use teamgraph::feed::{self, FeedConfig, PrimarySource};
use teamgraph::graph::{GraphLimits, Named, Published, PublishedCell};
use teamgraph::id::Lsn;
use teamgraph::pb;
use teamgraph::service::{self, ServiceParts};
use teamgraph::status::{FeedState, FeedStatus, StatusCell};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;

const TOKEN: &str = "SELECT teamgraph.teamgraph_token()";

/// Asks whether the member is in the team, as of the token at least.
pub fn check(member: &str, team: &str, token: &str) -> pb::CheckRequest {
    let named = |name: &str| pb::MemberRef {
        r#ref: Some(pb::member_ref::Ref::Name(name.to_owned())),
        ..pb::MemberRef::default()
    };
    pb::CheckRequest {
        member: Some(named(member)),
        team: Some(named(team)),
        freshness: Some(pb::Freshness {
            at: Some(pb::freshness::At::AtLeastAsFresh(token.to_owned())),
            max_wait_ms: Some(30_000),
        }),
        lenient: true,
        relation: pb::AskedRelation::Participant.into(),
    }
}

/// A token's position.
pub fn position(token: &str) -> Lsn {
    token.split_once('/').unwrap().1.parse().unwrap()
}

/// Writers at once, and members that each of them makes, moves, retires and deletes.
const WRITERS: u64 = 8;
const MEMBERS: u64 = 40;

/// One who looks after each of its writes. Nobody else touches its members.
async fn write_and_look(url: String, mut asker: Asker, writer: u64, mode: &'static str) -> u32 {
    let sql = connect(&url).await;
    sql.batch_execute(&format!("SET synchronous_commit = {mode}")).await.unwrap();
    let mut looks = 0;
    for number in 0..MEMBERS {
        let name = format!("own-{mode}-{writer}-{number}");
        let key = format!("(SELECT id FROM teamgraph.person WHERE name = '{name}')");
        let join = format!(
            "WITH made AS (INSERT INTO teamgraph.person (name, display_name)
               VALUES ('{name}', '') RETURNING id)
             INSERT INTO teamgraph.team_membership (person, team, status)
               SELECT id, 102, 2 FROM made"
        );
        let update =
            |what| format!("UPDATE teamgraph.team_membership SET {what} WHERE person = {key}");
        let leave = format!(
            "BEGIN; DELETE FROM teamgraph.team_membership WHERE person = {key};
             DELETE FROM teamgraph.person WHERE id = {key}; COMMIT"
        );
        for (write, expected) in [
            (join, pb::Relation::Direct),
            // This team is in the one that is asked about.
            (update("team = 103"), pb::Relation::Indirect),
            (update("status = 4"), pb::Relation::None),
            (update("status = 3, team = 102"), pb::Relation::Direct),
            (leave, pb::Relation::None),
        ] {
            sql.batch_execute(&write).await.unwrap();
            let token: String = sql.query_one(TOKEN, &[]).await.unwrap().get(0);
            let answer = asker.check(check(&name, "team-102", &token)).await.unwrap().into_inner();
            assert_eq!(answer.relation(), expected, "after {write} with {token}: {answer:?}");
            let applied: Lsn = answer.answered_at.unwrap().applied_lsn.parse().unwrap();
            assert!(applied >= position(&token), "{applied} for {token}");
            looks += 1;
        }
    }
    looks
}

/// Commits of others, and log of theirs that no commit follows.
async fn neighbour(url: String, number: u64, done: CancellationToken) {
    let sql = connect(&url).await;
    while !done.is_cancelled() {
        let write = if number == 0 {
            "BEGIN; INSERT INTO elsewhere SELECT repeat('x', 300) FROM generate_series(1, 300);
             SELECT pg_sleep(0.02); ROLLBACK"
        } else {
            "INSERT INTO teamgraph.team_membership (person, team, status)
               VALUES (2 + (random() * 90)::int, 104 + (random() * 5)::int, 2)
               ON CONFLICT (person, team) DO UPDATE SET status = 1 + (random() * 7)::int"
        };
        sql.batch_execute(write).await.unwrap();
        tokio::time::sleep(LOOK / 2).await;
    }
}

/// A database where team 103 is in team 102, and others write too.
async fn busy_source() -> (Source, CancellationToken, Vec<JoinHandle<()>>) {
    // Asynchronous commits are flushed by the server's log writer: often, or this takes minutes.
    let source = Source::with(&[("wal_writer_delay", "5ms")]).await;
    source.populate(100, 10).await;
    source
        .execute(
            "CREATE TABLE elsewhere (filler text);
             INSERT INTO teamgraph.team_membership (person, team, status) VALUES (103, 102, 2)",
        )
        .await;
    let done = CancellationToken::new();
    let neighbours =
        (0..3).map(|n| start(neighbour(source.url.clone(), n, done.clone()))).collect();
    (source, done, neighbours)
}

async fn end_of(done: CancellationToken, neighbours: Vec<JoinHandle<()>>) {
    done.cancel();
    for neighbour in neighbours {
        neighbour.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_see_what_they_wrote() {
    let (source, done, neighbours) = busy_source().await;
    let served = Served::start(&source.url, "own").await;
    for mode in ["on", "off"] {
        let mut writers = Vec::new();
        for writer in 0..WRITERS {
            let asker = served.asker().await;
            writers.push(start(write_and_look(source.url.clone(), asker, writer, mode)));
        }
        let mut looks = 0;
        for writer in writers {
            looks += writer.await.unwrap();
        }
        println!("synchronous_commit {mode}: {looks} writes, each seen by who wrote it");
    }
    end_of(done, neighbours).await;
    served.stop().await;
    source.stop().await;
}

/// A server whose applier is slow.
struct Slow {
    published: Arc<PublishedCell>,
    asker: Asker,
    stop: CancellationToken,
    feed: JoinHandle<Result<(), feed::FeedError>>,
    service: JoinHandle<Result<(), service::ServeError>>,
    applier: JoinHandle<Shown>,
}

/// Before a commit is applied, and before a change is: the source says in the meantime that there
/// is nothing behind it.
const COMMIT_PAUSE: Duration = Duration::from_millis(6);
const CHANGE_PAUSE: Duration = Duration::from_millis(1);

/// What a slow applier has shown to readers.
#[derive(Default)]
struct Shown {
    watermarks: u32,
    /// After each event, in order.
    states: Vec<Arc<Published>>,
}

async fn apply_slowly(
    mut applier: Applier,
    mut events: mpsc::Receiver<Vec<FeedEvent>>,
    published: Arc<PublishedCell>,
) -> Shown {
    let mut shown = Shown::default();
    let mut now_ms = 0;
    while let Some(batch) = events.recv().await {
        for event in batch {
            match event {
                FeedEvent::Commit { .. } => tokio::time::sleep(COMMIT_PAUSE).await,
                FeedEvent::Change(_) => tokio::time::sleep(CHANGE_PAUSE).await,
                FeedEvent::Watermark { .. } => shown.watermarks += 1,
                FeedEvent::Resume { .. }
                | FeedEvent::CopyBegin { .. }
                | FeedEvent::CopyEnd { .. }
                | FeedEvent::Abort => {}
            }
            now_ms += 1;
            applier.apply(event, now_ms).unwrap();
            shown.states.extend(published.load());
        }
    }
    shown
}

impl Slow {
    async fn start(url: &str) -> Self {
        let config = FeedConfig::new(url, "teamgraph", "tg_slow").unwrap();
        let (sender, receiver) = mpsc::channel(64);
        let published = Arc::<PublishedCell>::default();
        let status = Arc::<StatusCell<FeedStatus>>::default();
        let (applied, stop) = (Arc::default(), CancellationToken::new());
        let applier =
            Applier::new(GraphLimits::default(), Arc::clone(&published), Arc::clone(&applied));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let parts = ServiceParts {
            published: Arc::clone(&published),
            feed: Arc::clone(&status),
            source: Arc::new(PrimarySource::new(config.clone())),
            instance: "slow".into(),
            checkpoint: None,
            projection: None,
            admin: None,
            max_staleness: None,
        };
        let service = start(service::serve(listener, parts, stop.clone()));
        let applier = start(apply_slowly(applier, receiver, Arc::clone(&published)));
        let feed = feed::run(config, sender, applied, Arc::clone(&status), stop.clone(), None);
        let feed = start(feed);
        until("streaming", async || status.get().state == FeedState::Streaming).await;
        let asker = asker(address).await.unwrap();
        Slow { published, asker, stop, feed, service, applier }
    }

    /// Ends; returns what was shown.
    async fn stop(self) -> Shown {
        self.stop.cancel();
        self.feed.await.unwrap().unwrap();
        self.service.await.unwrap().unwrap();
        self.applier.await.unwrap()
    }
}

const TICKS: u32 = 400;
/// Questions that wait at once.
const WAITING_MAX: usize = 6;

/// Writes a tick, then log that says nothing to the feed, and returns the token: a position that
/// only a keepalive can reach.
async fn tick(sql: &Client, number: u32) -> String {
    let write = format!(
        "BEGIN; INSERT INTO teamgraph.person (name, display_name) VALUES ('tick-{number}', '');
         INSERT INTO teamgraph.team_membership (person, team, status)
           SELECT id, 102, 2 FROM teamgraph.person WHERE name = 'tick-{number}'; COMMIT;
         INSERT INTO elsewhere VALUES ('behind it')"
    );
    sql.batch_execute(&write).await.unwrap();
    sql.query_one(TOKEN, &[]).await.unwrap().get(0)
}

/// The source's keepalives come at once, its changes are applied late: a position may be shown as
/// applied only with all that lies before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_applier_never_lets_a_keepalive_overtake_a_commit() {
    let source = Source::start().await;
    source.populate(100, 10).await;
    source.execute("CREATE TABLE elsewhere (filler text)").await;
    let slow = Slow::start(&source.url).await;
    let (mut tokens, mut waiting, mut behind) = (Vec::new(), Vec::new(), 0);
    for number in 0..TICKS {
        let token = tick(&source.sql, number).await;
        if slow.published.load().unwrap().applied_lsn < position(&token) {
            behind += 1;
        }
        let (mut asker, question) =
            (slow.asker.clone(), check(&format!("tick-{number}"), "team-102", &token));
        tokens.push(position(&token));
        waiting.push(start(async move {
            let answer = asker.check(question).await.unwrap().into_inner();
            assert_eq!(answer.relation(), pb::Relation::Direct, "tick {number}: {answer:?}");
        }));
        if waiting.len() == WAITING_MAX {
            waiting.remove(0).await.unwrap();
        }
    }
    for question in waiting {
        question.await.unwrap();
    }
    let Shown { watermarks, states } = slow.stop().await;
    for published in &states {
        let applied = tokens.partition_point(|token| *token <= published.applied_lsn);
        let Some(last) = applied.checked_sub(1) else { continue };
        let named = published.snapshot.find_named(&format!("tick-{last}"));
        assert!(
            matches!(named, Named::One(_)),
            "tick {last} is not in {}, shown as applied up to {}",
            published.snapshot.version(),
            published.applied_lsn
        );
    }
    println!(
        "{TICKS} ticks, {behind} of them asked for before they were applied, {watermarks} \
         watermarks, {} states shown",
        states.len()
    );
    assert!(behind > 0 && watermarks > 0);
    source.stop().await;
}
