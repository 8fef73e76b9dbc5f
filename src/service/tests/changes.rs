//! Lists that are read page by page while the graph changes between any two pages.

use super::*;
use crate::graph::{Kinds, Scope};
use crate::id::{MemberId, TeamId};
use std::collections::BTreeMap;

/// Small numbers, the same every time (xorshift: no need of more).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        i64::try_from(self.0 % u64::try_from(below).unwrap()).unwrap()
    }
}

/// A world of 40 people and 12 teams in which anything may happen.
struct Changing {
    world: World,
    dice: Dice,
    lsn: u64,
    rows: BTreeMap<(i64, i64), RowKey>,
    /// The versions, kept alive to be compared with.
    versions: BTreeMap<u64, Arc<Snapshot>>,
}

impl Changing {
    async fn start(seed: u64) -> (Changing, Client) {
        let world = World::start(HistoryLimits::default()).await;
        world.stream();
        let (rows, versions) = (BTreeMap::new(), BTreeMap::new());
        let mut changing = Changing { world, dice: Dice(seed), lsn: 100, rows, versions };
        for team in 0..12 {
            changing.world.teams(&[(team, "team")]);
        }
        for _ in 0..60 {
            changing.change();
        }
        changing.publish();
        let client = changing.world.client().await;
        (changing, client)
    }

    fn change(&mut self) {
        let (person, team) = (100 + self.dice.roll(40), self.dice.roll(12));
        let other = self.dice.roll(12);
        match self.dice.roll(8) {
            0..=3 => self.toggle(person, team),
            4 => self.toggle(other, team),
            5 => self.world.own(team, "team", if other % 2 == 0 { person } else { other }),
            6 => self.world.people(&[(person, "person")]),
            _ if team != 0 => self.world.forget(if other == 0 { team } else { person }),
            _ => self.world.teams(&[(other, "team")]),
        }
    }

    fn toggle(&mut self, member: i64, team: i64) {
        if let Some(row) = self.rows.remove(&(member, team)) {
            self.world.writer.apply(Change::RowDelete { row }).unwrap();
        } else {
            if member >= 100 {
                self.world.people(&[(member, "person")]);
            }
            let role = if self.dice.roll(3) == 0 { Role::Admin } else { Role::Member };
            self.world.join(member, team, role);
            let row = RowKey { table: TableId(0), key: Key::Int(self.world.rows).into() };
            self.rows.insert((member, team), row);
        }
    }

    fn publish(&mut self) {
        self.lsn += 1;
        let snapshot = self.world.publish(self.lsn);
        self.versions.insert(self.lsn, snapshot);
    }

    /// What happens between two pages: some transactions.
    fn meanwhile(&mut self) {
        for _ in 0..self.dice.roll(3) {
            for _ in 0..self.dice.roll(6) {
                self.change();
            }
            self.publish();
        }
    }

    fn version(&self, at: Option<&pb::AnsweredAt>) -> &Snapshot {
        &self.versions[&at.unwrap().version.unwrap().end_lsn]
    }
}

fn ids(snapshot: &Snapshot, members: impl IntoIterator<Item = MemberId>) -> Vec<i64> {
    let id = |member| match snapshot.key(member).unwrap().key {
        Key::Int(id) => id,
        _ => panic!("all keys are integers here"),
    };
    members.into_iter().map(id).collect()
}

fn team(snapshot: &Snapshot, id: i64) -> TeamId {
    snapshot.team(snapshot.find(&SourceKey::int(id)).unwrap()).unwrap()
}

#[tokio::test]
async fn members_folded_over_a_changing_graph_are_the_list_at_their_version() {
    let (mut changing, mut client) = Changing::start(7).await;
    let (mut pages, mut moved) = (0, 0);
    for round in 0..60 {
        changing.meanwhile();
        let asked = round % 2 + 1;
        let mut request = pb::ListMembersRequest {
            team: id(0),
            page_size: u32::try_from(1 + changing.dice.roll(6)).unwrap(),
            relation: asked,
            ..Default::default()
        };
        let mut folded = Vec::new();
        let last = loop {
            let page = client.list_members(request.clone()).await.unwrap().into_inner();
            folded.extend(page.keys.unwrap().ids);
            pages += 1;
            request.page_token.clone_from(&page.next_page_token);
            if request.page_token.is_empty() {
                break page.answered_at;
            }
            changing.meanwhile();
        };
        let snapshot = changing.version(last.as_ref());
        let (team, kinds) = (team(snapshot, 0), Kinds { people: true, teams: true });
        let mut list = match asked {
            1 => snapshot.member_list(team, Scope::All, kinds),
            _ => snapshot.administrator_list(team, Scope::All, kinds),
        };
        assert_eq!(folded, ids(snapshot, list.page(None, 1_000).members), "round {round}");
        moved += usize::from(snapshot.version().end_lsn.0 < changing.lsn);
    }
    assert!(pages > 120 && moved > 20, "{pages} pages, {moved} lists of an older version");
}

#[tokio::test]
async fn teams_of_many_folded_over_a_changing_graph_are_the_lists_at_their_version() {
    let (mut changing, mut client) = Changing::start(11).await;
    let mut moved = 0;
    for round in 0..40 {
        changing.meanwhile();
        let members: Vec<i64> = (100..140).chain(0..12).collect();
        let asked = round % 2 + 1;
        let mut request = pb::BatchListTeamsRequest {
            member_ids: members.clone(),
            page_size: u32::try_from(5 + changing.dice.roll(30)).unwrap(),
            relation: asked,
            ..Default::default()
        };
        let mut folded = vec![Vec::new(); members.len()];
        let last = loop {
            let page = client.batch_list_teams(request.clone()).await.unwrap().into_inner();
            let mut ids = page.keys.unwrap().ids.into_iter();
            let first = usize::try_from(page.first_list).unwrap();
            for (list, &count) in folded[first..].iter_mut().zip(&page.counts) {
                list.extend(ids.by_ref().take(usize::try_from(count).unwrap()));
            }
            request.page_token.clone_from(&page.next_page_token);
            if request.page_token.is_empty() {
                break page.answered_at;
            }
            changing.meanwhile();
        };
        let snapshot = changing.version(last.as_ref());
        for (member, list) in members.into_iter().zip(folded) {
            let found =
                snapshot.find(&SourceKey::int(member)).map_or_else(
                    Vec::new,
                    |member| match asked {
                        1 => snapshot.list_teams(member, Scope::All, None, 1_000).teams,
                        _ => snapshot.list_administered(member, Scope::All, None, 1_000).teams,
                    },
                );
            let found = found.into_iter().map(|team| snapshot.member(team).unwrap());
            assert_eq!(list, ids(snapshot, found), "round {round}, member {member}");
        }
        moved += usize::from(snapshot.version().end_lsn.0 < changing.lsn);
    }
    assert!(moved > 15, "{moved} lists of an older version");
}
