//! Redis sets that hold the flattened closure: `t:MEMBER` the teams of a member, `p:TEAM` the
//! people of a team.
//!
//! Whoever keeps them must know the closure: a transaction here is of participations, not of
//! memberships, and finding them is no part of what is timed. Loading does find them, by a plain
//! search from every team.

use crate::graph_files::{Graph, Listed, Transaction};
use crate::targets::{Applied, Place};
use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands, Pipeline};

/// Commands in one round trip.
const PIPELINE: usize = 1_000;
/// Members of a set in one command.
const MEMBERS: usize = 1_000;

pub struct Session {
    place: Place,
}

pub struct Sets {
    connection: MultiplexedConnection,
    teams: i64,
}

impl Session {
    pub fn new(place: Place) -> Self {
        Session { place }
    }
}

impl super::Session for Session {
    type Connection = Sets;

    async fn connect(&self) -> anyhow::Result<Sets> {
        let client = redis::Client::open(format!("redis://{}/", self.place.at))?;
        let config = redis::AsyncConnectionConfig::new().set_response_timeout(None);
        let connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        Ok(Sets { connection, teams: self.place.teams })
    }

    async fn load(&self, graph: &Graph) -> anyhow::Result<()> {
        let mut sets = self.connect().await?;
        let above = teams_above(graph);
        let mut direct: Vec<Vec<u32>> =
            vec![Vec::new(); (graph.meta.teams + graph.meta.people + 1) as usize];
        for &(member, team) in &graph.edges {
            direct[member as usize].push(team as u32);
        }
        let mut people: Vec<Vec<u32>> = vec![Vec::new(); graph.meta.teams as usize + 1];
        let mut writing = Writing::new(&mut sets);
        for (member, direct) in direct.iter().enumerate() {
            let mut teams: Vec<u32> = direct.clone();
            for &team in direct {
                teams.extend(&above[team as usize]);
            }
            teams.sort_unstable();
            teams.dedup();
            teams.retain(|&team| team as usize != member);
            if !teams.is_empty() {
                writing.sadd(format!("t:{member}"), &teams).await?;
            }
            if !graph.meta.is_team(member as i64) {
                teams.iter().for_each(|&team| people[team as usize].push(member as u32));
            }
        }
        for (team, people) in people.iter().enumerate() {
            for some in people.chunks(MEMBERS) {
                writing.sadd(format!("p:{team}"), some).await?;
            }
        }
        writing.flush().await
    }
}

/// The teams above each team, by a search from each.
fn teams_above(graph: &Graph) -> Vec<Vec<u32>> {
    let count = graph.meta.teams as usize + 1;
    let mut direct = vec![Vec::new(); count];
    for &(member, team) in &graph.edges {
        if graph.meta.is_team(member) {
            direct[member as usize].push(team as u32);
        }
    }
    let mut seen = vec![0_u32; count];
    let from = |start: usize| {
        let (mut open, mut found) = (vec![start as u32], Vec::new());
        while let Some(team) = open.pop() {
            for &above in &direct[team as usize] {
                if seen[above as usize] != start as u32 {
                    seen[above as usize] = start as u32;
                    found.push(above);
                    open.push(above);
                }
            }
        }
        found
    };
    std::iter::once(Vec::new()).chain((1..count).map(from)).collect()
}

struct Writing<'a> {
    sets: &'a mut Sets,
    pipeline: Pipeline,
    commands: usize,
}

impl<'a> Writing<'a> {
    fn new(sets: &'a mut Sets) -> Self {
        Writing { sets, pipeline: Pipeline::new(), commands: 0 }
    }

    async fn sadd(&mut self, key: String, members: &[u32]) -> anyhow::Result<()> {
        self.pipeline.sadd(key, members).ignore();
        self.commands += 1;
        if self.commands == PIPELINE { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> anyhow::Result<()> {
        if self.commands > 0 {
            let _: () = self.pipeline.query_async(&mut self.sets.connection).await?;
        }
        self.pipeline.clear();
        self.commands = 0;
        Ok(())
    }
}

fn listed(keys: &[i64]) -> Listed {
    let mut listed = Listed::default();
    keys.iter().for_each(|&key| listed.add(key));
    listed
}

impl super::Connection for Sets {
    async fn check(&mut self, member: i64, team: i64) -> anyhow::Result<bool> {
        Ok(self.connection.sismember(format!("t:{member}"), team).await?)
    }

    async fn teams(&mut self, member: i64) -> anyhow::Result<Listed> {
        let keys: Vec<i64> = self.connection.smembers(format!("t:{member}")).await?;
        Ok(listed(&keys))
    }

    async fn people(&mut self, team: i64) -> anyhow::Result<Listed> {
        let keys: Vec<i64> = self.connection.smembers(format!("p:{team}")).await?;
        Ok(listed(&keys))
    }

    /// Of participations, all in one MULTI.
    async fn apply(&mut self, transaction: &Transaction) -> anyhow::Result<Applied> {
        let mut pipeline = Pipeline::new();
        pipeline.atomic();
        let mut rows = 0;
        for (is_added, pairs) in [(false, &transaction.remove), (true, &transaction.add)] {
            for &(member, team) in pairs {
                let mut change = |key: String, value: i64| {
                    if is_added {
                        pipeline.sadd(key, value).ignore();
                    } else {
                        pipeline.srem(key, value).ignore();
                    }
                    rows += 1;
                };
                change(format!("t:{member}"), team);
                if member > self.teams {
                    change(format!("p:{team}"), member);
                }
            }
        }
        if rows > 0 {
            let _: () = pipeline.query_async(&mut self.connection).await?;
        }
        Ok(Applied { rows, token: String::new() })
    }
}
