//! Faults at random: the database and the server are killed under writers and readers.
//!
//! `TEAMGRAPH_FAULT_SECONDS` says for how long (20 unless set), `TEAMGRAPH_SEED` repeats the
//! choices of a run.

use super::asked::Judge;
use super::dice::{Dice, seed};
use super::freshness::{check, position};
use super::judge::Truth;
use super::process::Process;
use super::served::asker;
use super::source::{LOOK, NEVER, Source, connect, start, try_connect, until};
use super::writer::write_at_random;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use teamgraph::id::Lsn;
use teamgraph::pb;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tonic::Code;

const WRITERS: u64 = 2;
const READERS: usize = 3;

/// The newest acknowledged entry of the ledger.
#[derive(Clone, Debug, Default)]
struct Entry {
    number: i64,
    /// Read after its commit; empty before the first.
    token: String,
}

/// Keys below zero, which the random writers leave alone: a team, and an entry per transaction
/// that stays in it, and one that goes with the next.
const LEDGER: &str = "
    INSERT INTO teamgraph.person (id, name, display_name, team_owner) VALUES (-1, 'ledger', '', 1)";

fn entry_sql(number: i64) -> String {
    let (stays, goes) = (-10 * number, -10 * number - 1);
    format!(
        "BEGIN;
         INSERT INTO teamgraph.person (id, name, display_name)
             VALUES ({stays}, 'stays-{number}', ''), ({goes}, 'goes-{number}', '');
         INSERT INTO teamgraph.team_membership (id, person, team, status)
             VALUES ({stays}, {stays}, -1, 2), ({goes}, {goes}, -1, 2);
         DELETE FROM teamgraph.team_membership WHERE person = {goes} + 10;
         DELETE FROM teamgraph.person WHERE id = {goes} + 10;
         COMMIT"
    )
}

/// Writes entries; tells of those whose commit was acknowledged. Returns how many were.
async fn keep_ledger(
    url: String,
    newest: watch::Sender<Entry>,
    done: CancellationToken,
) -> (i64, i64) {
    let (mut number, mut acknowledged) = (0, 0);
    while !done.is_cancelled() {
        let Ok(sql) = try_connect(&url).await else {
            sleep(LOOK * 4).await;
            continue;
        };
        while !done.is_cancelled() {
            // One whose end is not known is not tried again.
            number += 1;
            if sql.batch_execute(&entry_sql(number)).await.is_err() {
                break;
            }
            let token = sql.query_one("SELECT teamgraph.teamgraph_token()", &[]).await;
            let Ok(token) = token else { break };
            acknowledged += 1;
            newest.send_replace(Entry { number, token: token.get(0) });
            sleep(LOOK).await;
        }
    }
    (number, acknowledged)
}

/// Answers by what they were: `answered`, or the error's code.
type Answers = BTreeMap<String, u32>;

/// Asks for the newest entry with its token, whatever server there is, and never takes an answer
/// that is older. An error is no answer, if it is one of being out of reach.
async fn read_ledger(
    server: watch::Receiver<SocketAddr>,
    newest: watch::Receiver<Entry>,
    done: CancellationToken,
) -> Answers {
    let mut answers = Answers::new();
    while !done.is_cancelled() {
        let address = *server.borrow();
        let Ok(mut asker) = asker(address).await else {
            sleep(LOOK).await;
            continue;
        };
        while !done.is_cancelled() && *server.borrow() == address {
            let Entry { number, token } = newest.borrow().clone();
            if token.is_empty() {
                sleep(LOOK).await;
                continue;
            }
            for (member, expected) in [
                (format!("stays-{number}"), pb::Relation::Direct),
                (format!("goes-{}", number - 1), pb::Relation::None),
            ] {
                // A server that was killed may leave a connection that never says so.
                let asked = timeout(NEVER, asker.check(check(&member, "ledger", &token))).await;
                let kind = match asked.expect("neither an answer nor an error") {
                    Ok(answer) => {
                        let answer = answer.into_inner();
                        assert_eq!(answer.relation(), expected, "{member}, {token}: {answer:?}");
                        let applied: Lsn = answer.answered_at.unwrap().applied_lsn.parse().unwrap();
                        assert!(applied >= position(&token), "{applied} for {token}");
                        "answered".to_owned()
                    }
                    Err(error) => {
                        let out_of_reach = [
                            Code::Unavailable,
                            Code::DeadlineExceeded,
                            Code::Cancelled,
                            Code::Unknown,
                        ];
                        // A call that meets the goodbye of a server that stops is ended by the
                        // client's own transport, which calls that internal.
                        let is_transport = std::error::Error::source(&error).is_some();
                        let is_excused = is_transport || out_of_reach.contains(&error.code());
                        assert!(is_excused, "{token}: {error:?}");
                        sleep(LOOK).await;
                        format!("{:?}", error.code())
                    }
                };
                *answers.entry(kind).or_default() += 1;
            }
        }
    }
    answers
}

/// What is killed.
struct Victims {
    source: Source,
    server: Process,
    address: watch::Sender<SocketAddr>,
}

impl Victims {
    /// Does one thing that may happen; says what.
    async fn fault(&mut self, dice: &mut Dice) -> &'static str {
        let pause = Duration::from_millis(dice.below(400));
        match dice.below(10) {
            0..3 => {
                self.source.postgres.crash().await.unwrap();
                sleep(pause).await;
                self.resume().await;
                "PostgreSQL killed"
            }
            3 => {
                self.source.postgres.halt().await.unwrap();
                sleep(pause).await;
                self.resume().await;
                "PostgreSQL restarted"
            }
            4..7 => {
                self.server.kill().await;
                self.next_server().await;
                "server killed"
            }
            7 => {
                self.server.stop().await;
                self.next_server().await;
                "server stopped"
            }
            8 => {
                self.source
                    .sql
                    .batch_execute("SELECT pg_terminate_backend(pid) FROM pg_stat_replication")
                    .await
                    .unwrap();
                "stream cut"
            }
            _ => {
                self.source
                    .sql
                    .batch_execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                     WHERE application_name LIKE 'teamgraph%' OR application_name LIKE 'tg_%'",
                    )
                    .await
                    .unwrap();
                "all of the feed's connections cut"
            }
        }
    }

    async fn resume(&mut self) {
        self.source.postgres.resume().await.unwrap();
        self.source.sql = connect(&self.source.url).await;
    }

    async fn next_server(&mut self) {
        self.server = Process::start(&self.source.url, "faulty").await;
        self.address.send_replace(self.server.address);
    }

    /// Waits until the server follows the source.
    async fn followed(&self) {
        until("streaming", async || {
            let Ok(mut asker) = self.server.asker().await else { return false };
            let status = asker.get_status(pb::GetStatusRequest {}).await;
            status.is_ok_and(|status| status.into_inner().feed.unwrap().state == "streaming")
        })
        .await;
    }
}

fn fault_time() -> Duration {
    let seconds = std::env::var("TEAMGRAPH_FAULT_SECONDS").ok();
    Duration::from_secs(seconds.map_or(20, |seconds| seconds.parse().unwrap()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_and_cut_again_and_again_no_answer_is_older_than_its_token() {
    let seed = seed();
    let source = Source::start().await;
    source.populate(200, 30).await;
    source.execute(LEDGER).await;
    let url = source.url.clone();
    let server = Process::start(&url, "faulty").await;
    let (address, server_at) = watch::channel(server.address);
    let (acknowledged, newest) = watch::channel(Entry::default());
    let (done, read) = (CancellationToken::new(), CancellationToken::new());
    let ledger = start(keep_ledger(url.clone(), acknowledged, done.clone()));
    let writer = |n| write_at_random(url.clone(), Dice::new(seed, n), false, done.clone());
    let writers: Vec<_> = (0..WRITERS).map(|n| start(writer(n))).collect();
    let reader = || read_ledger(server_at.clone(), newest.clone(), read.clone());
    let readers: Vec<_> = (0..READERS).map(|_| start(reader())).collect();

    let mut victims = Victims { source, server, address };
    let mut dice = Dice::new(seed, 1_000);
    let mut faults = BTreeMap::<&str, u32>::new();
    let end = Instant::now() + fault_time();
    victims.followed().await;
    while Instant::now() < end {
        sleep(Duration::from_millis(100 + dice.below(500))).await;
        *faults.entry(victims.fault(&mut dice).await).or_default() += 1;
        // Else the next one comes while this one is still being overcome.
        if dice.below(3) > 0 {
            victims.followed().await;
        }
    }
    println!("{faults:?}");
    done.cancel();
    let (entries, acknowledged) = ledger.await.unwrap();
    println!("ledger: {acknowledged} of {entries} entries acknowledged");
    for writer in writers {
        println!("writer: {:?}", writer.await.unwrap());
    }
    victims.followed().await;
    read.cancel();
    let mut answered = 0;
    for reader in readers {
        let answers = reader.await.unwrap();
        println!("reader: {answers:?}");
        answered += answers.get("answered").copied().unwrap_or(0);
    }
    assert!(faults.values().sum::<u32>() >= 5 && acknowledged > 100 && answered > 100);

    let sql = connect(&url).await;
    let truth = Truth::ask(&sql).await;
    let token: String =
        sql.query_one("SELECT teamgraph.teamgraph_token()", &[]).await.unwrap().get(0);
    let mut asker = victims.server.asker().await.unwrap();
    Judge { asker: &mut asker, token }.judge(&truth).await;
    println!("{} members, {} participations agree", truth.members.len(), truth.all.len());
    victims.server.stop().await;
    assert_eq!(victims.source.slots().await, 0);
    victims.source.stop().await;
}
