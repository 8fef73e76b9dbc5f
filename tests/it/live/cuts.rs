//! A connection that is cut inside a person merge, at any byte.
//!
//! A merge is the transaction that must not be seen in part: between its rows a person is in none
//! of their teams, or two persons are in them.

use super::judge::compare_at_a_position;
use super::proxy::Proxy;
use super::served::{Served, options};
use super::source::{Source, until};
use super::writer::merge;
use std::collections::BTreeSet;
use teamgraph::graph::{Named, Scope, Snapshot};

/// Teams of the two who are merged; they share every fourth.
const TEAMS: u32 = 48;
/// At how many places a merge is cut.
const CUTS: u64 = 64;

/// The teams of a person; none if there is no such person.
fn teams_of(version: &Snapshot, person: &str) -> Option<BTreeSet<String>> {
    let Named::One(person) = version.find_named(person) else { return None };
    let page = version.list_teams(person, Scope::Direct, None, usize::MAX);
    let name = |team| version.name(version.member(team).unwrap()).unwrap().to_owned();
    Some(page.teams.into_iter().map(name).collect())
}

/// Two people with their teams, made in one transaction. The first of them owns nothing.
fn pair(round: u64) -> String {
    let (first, last) = (22, 21 + TEAMS);
    format!(
        "BEGIN;
         INSERT INTO teamgraph.person (name, display_name) VALUES ('a-{round}', ''), ('b-{round}', '');
         INSERT INTO teamgraph.team_membership (person, team, status)
             SELECT p.id, t.id, 2 FROM teamgraph.person p, generate_series({first}, {last}) AS t(id)
             WHERE (p.name = 'a-{round}' AND t.id % 4 < 2) OR (p.name = 'b-{round}' AND t.id % 4 > 0);
         COMMIT"
    )
}

fn merge_pair(round: u64) -> String {
    let key = |name| format!("(SELECT id FROM teamgraph.person WHERE name = '{name}-{round}')");
    merge(&key('a'), &key('b'))
}

/// In every version that a reader could have seen, the merge of this round has happened or not.
fn judge_versions(versions: &[std::sync::Arc<Snapshot>], round: u64) {
    let team = |number: u32| format!("team-{number}");
    let some = |holds: fn(u32) -> bool| {
        (22..22 + TEAMS).filter(|team| holds(*team)).map(team).collect::<BTreeSet<_>>()
    };
    let before = (Some(some(|team| team % 4 < 2)), Some(some(|team| team % 4 > 0)));
    let after = (None, Some(some(|_| true)));
    let mut seen = Vec::new();
    for version in versions {
        let now =
            (teams_of(version, &format!("a-{round}")), teams_of(version, &format!("b-{round}")));
        let stage = [(None, None), before.clone(), after.clone()].iter().position(|it| *it == now);
        let stage =
            stage.unwrap_or_else(|| panic!("half a merge at {}: {now:?}", version.version()));
        if seen.last() != Some(&stage) {
            seen.push(stage);
        }
    }
    assert_eq!(seen, [0, 1, 2], "round {round}");
}

#[tokio::test]
async fn a_merge_that_is_cut_anywhere_is_seen_whole_or_not_at_all() {
    let source = Source::start().await;
    source.populate(20, TEAMS).await;
    let proxy = Proxy::start(source.postgres.directory());
    let served = Served::begin(options(&proxy.url("app"), "cuts")).await;
    served.streaming().await;

    // A first merge that passes shows how many bytes one is.
    source.execute(&pair(0)).await;
    served.applied(source.position().await).await;
    let before = proxy.passed();
    source.execute(&merge_pair(0)).await;
    served.applied(source.position().await).await;
    let bytes = proxy.passed() - before;
    println!("a merge is {bytes} bytes of the stream");
    assert!(bytes > 1_000);

    let mut sequence = 1;
    for round in 1..=CUTS {
        source.execute(&pair(round)).await;
        served.applied(source.position().await).await;
        let cuts = proxy.cuts();
        // From the merge's first byte to a little beyond its last.
        proxy.cut_after(round * (bytes * 11 / 10) / CUTS);
        source.execute(&merge_pair(round)).await;
        // A cut beyond the merge's end comes with what is written next.
        let idle = format!("UPDATE teamgraph.person SET display_name = '{round}' WHERE id = 1");
        until("cut", async || {
            if proxy.cuts() == cuts {
                source.execute(&idle).await;
            }
            proxy.cuts() > cuts
        })
        .await;
        served.applied(source.position().await).await;
        let newest = served.published.load().unwrap().snapshot.sequence();
        let versions: Vec<_> = (sequence..=newest)
            .map(|sequence| served.published.recent(1, sequence).unwrap())
            .collect();
        judge_versions(&versions, round);
        sequence = newest;
    }
    compare_at_a_position(&source.url, &served).await;
    let status = served.feed_status.get();
    println!("{} cuts, {} reconnects", proxy.cuts(), status.reconnects);
    assert_eq!((proxy.cuts(), status.copies), (CUTS, 1));
    assert!(status.reconnects >= CUTS);
    served.stop().await;
    source.stop().await;
}
