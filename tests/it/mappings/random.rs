//! Random scripts over each application's tables: rows come, go, change their keys, their ends and
//! their status, tables are truncated, transactions and savepoints are rolled back.

use super::world::{Application, LAUNCHPAD, ODD, PEOPLE_AND_TEAMS, UUID, World};

/// Transactions a run, each followed by a comparison.
const TRANSACTIONS: usize = 200;

/// A statement, how often it comes, and the numbers that its marks stand for: `{a}` and `{b}`
/// members, `{s}` a status, `{n}` a name.
type Template = (u32, &'static str);

const LAUNCHPAD_CHANGES: &[Template] = &[
    (8, "INSERT INTO person (id, name, displayname) VALUES ({a}, 'name-{n}', '')"),
    (6, "INSERT INTO person (id, name, displayname, teamowner) VALUES ({a}, 'name-{n}', '', {b})"),
    (3, "UPDATE person SET name = 'name-{n}' WHERE id = {a}"),
    (3, "UPDATE person SET displayname = repeat('x', {n}) WHERE id > {a}"),
    (2, "UPDATE person SET teamowner = {b} WHERE id = {a}"),
    (1, "UPDATE person SET teamowner = NULL WHERE id = {a}"),
    (2, "UPDATE person SET id = {b} WHERE id = {a}"),
    (2, "DELETE FROM person WHERE id = {a}"),
    (
        12,
        "INSERT INTO teammembership (id, person, team, status) VALUES (100 + {a} * 20 + {n}, {a}, {b}, {s})",
    ),
    (
        30,
        "INSERT INTO teammembership (id, person, team, status) VALUES (100 + {a} * 20 + {n}, {a}, {b}, 2 + {s} / 7)",
    ),
    (6, "UPDATE teammembership SET status = {s} WHERE person = {a}"),
    (4, "UPDATE teammembership SET status = {s} WHERE team = {a}"),
    (3, "UPDATE teammembership SET person = {b} WHERE person = {a}"),
    (2, "UPDATE teammembership SET team = {b} WHERE team = {a} AND person = {n}"),
    (2, "UPDATE teammembership SET id = -id WHERE person = {a}"),
    (4, "DELETE FROM teammembership WHERE person = {a} AND status <> {s}"),
    (1, "DELETE FROM teammembership WHERE team = {a}"),
    (1, "TRUNCATE teammembership"),
    (
        1,
        "WITH swapped AS (UPDATE person SET name = name || '-old' WHERE id = {a} RETURNING 1)
         UPDATE person SET name = 'name-{n}' WHERE id = {b}",
    ),
];

const PEOPLE_AND_TEAMS_CHANGES: &[Template] = &[
    (6, "INSERT INTO directory.people VALUES ({a}, 'login-{n}')"),
    (6, "INSERT INTO directory.teams VALUES ({a}, 'slug-{n}', {b})"),
    (2, "UPDATE directory.people SET login = 'slug-{n}' WHERE id = {a}"),
    (2, "UPDATE directory.people SET id = {b} WHERE id = {a}"),
    (2, "UPDATE directory.teams SET id = {b} WHERE id = {a}"),
    (1, "DELETE FROM directory.people WHERE id = {a}"),
    (1, "DELETE FROM directory.teams WHERE id = {a}"),
    (24, "INSERT INTO directory.team_members VALUES ({a}, {b}, 'member', NULL)"),
    (12, "INSERT INTO directory.team_members VALUES ({a}, {b}, 'lead', NULL)"),
    (6, "INSERT INTO directory.team_members VALUES ({a}, {b}, 'deputy', now())"),
    (3, "UPDATE directory.team_members SET left_at = now() WHERE person_id = {a}"),
    (3, "UPDATE directory.team_members SET left_at = NULL WHERE person_id = {a}"),
    (2, "UPDATE directory.team_members SET role = 'deputy' WHERE team_id = {b}"),
    (3, "UPDATE directory.team_members SET person_id = {b} WHERE person_id = {a}"),
    (2, "UPDATE directory.team_members SET team_id = {b}, role = 'lead' WHERE team_id = {a}"),
    (3, "DELETE FROM directory.team_members WHERE person_id = {a}"),
    (24, "INSERT INTO directory.team_teams VALUES ({n} + 20 * {s}, {a}, {b}, {s} > 5)"),
    (3, "UPDATE directory.team_teams SET suspended = NOT suspended WHERE child = {a}"),
    (2, "UPDATE directory.team_teams SET child = {b} WHERE child = {a}"),
    (2, "UPDATE directory.team_teams SET id = -id WHERE parent = {a}"),
    (2, "DELETE FROM directory.team_teams WHERE parent = {a}"),
    (1, "TRUNCATE directory.team_teams"),
    (1, "TRUNCATE directory.team_members"),
    (1, "TRUNCATE directory.people CASCADE"),
];

const UUID_CHANGES: &[Template] = &[
    (8, r#"INSERT INTO "Identity"."Account" VALUES (md5('{a}')::uuid, 'Name {n}', 'user', NULL)"#),
    (
        8,
        r#"INSERT INTO "Identity"."Account" VALUES (md5('{a}')::uuid, NULL, 'group', md5('{b}')::uuid)"#,
    ),
    (2, r#"UPDATE "Identity"."Account" SET "Kind" = 'user' WHERE "Id" = md5('{a}')::uuid"#),
    (3, r#"UPDATE "Identity"."Account" SET "Kind" = 'group' WHERE "Id" = md5('{a}')::uuid"#),
    (
        2,
        r#"UPDATE "Identity"."Account" SET "DisplayName" = 'Name {n}' WHERE "Id" = md5('{a}')::uuid"#,
    ),
    (2, r#"UPDATE "Identity"."Account" SET "Id" = md5('{b}')::uuid WHERE "Id" = md5('{a}')::uuid"#),
    (2, r#"DELETE FROM "Identity"."Account" WHERE "Id" = md5('{a}')::uuid"#),
    (
        20,
        r#"INSERT INTO "Identity"."GroupMember" ("AccountId", "GroupId", status, "Active")
            VALUES (md5('{a}')::uuid, md5('{b}')::uuid,
                    (ARRAY['member','admin','owner'])[1 + {n} % 3], {s} > 2)"#,
    ),
    (
        4,
        r#"UPDATE "Identity"."GroupMember" SET "Active" = NOT "Active" WHERE "AccountId" = md5('{a}')::uuid"#,
    ),
    (
        1,
        r#"UPDATE "Identity"."GroupMember" SET "Active" = NULL WHERE "GroupId" = md5('{a}')::uuid"#,
    ),
    (
        3,
        r#"UPDATE "Identity"."GroupMember" SET status = 'admin' WHERE "GroupId" = md5('{a}')::uuid"#,
    ),
    (
        3,
        r#"UPDATE "Identity"."GroupMember" SET "AccountId" = md5('{b}')::uuid WHERE "AccountId" = md5('{a}')::uuid"#,
    ),
    (
        2,
        r#"UPDATE "Identity"."GroupMember" SET "GroupId" = md5('{b}')::uuid WHERE "GroupId" = md5('{a}')::uuid"#,
    ),
    (4, r#"DELETE FROM "Identity"."GroupMember" WHERE "AccountId" = md5('{a}')::uuid"#),
    (1, r#"TRUNCATE "Identity"."GroupMember""#),
];

const ODD_CHANGES: &[Template] = &[
    (6, "INSERT INTO people VALUES ('', CASE WHEN {s} > 4 THEN 'Ann' ELSE 'ANN' END || {a})"),
    (8, "INSERT INTO groups VALUES ('g{a}', 'Title {n}', {s} > 2)"),
    (2, "UPDATE people SET handle = 'ann{b}' WHERE handle = 'anN{a}'"),
    (2, "DELETE FROM people WHERE handle = 'ANN{a}'"),
    (3, "UPDATE groups SET open = NULLIF({s}, 3) > 2 WHERE code = 'g{a}'"),
    (2, "UPDATE groups SET code = 'g{b}' WHERE code = 'g{a}'"),
    (1, "DELETE FROM groups WHERE code = 'g{a}'"),
    (14, "INSERT INTO people_in_groups VALUES ('aNN{a}', 'g{b}')"),
    // From one partition to another.
    (3, "UPDATE people_in_groups SET code = 'g{b}' WHERE code = 'g{a}'"),
    (3, "UPDATE people_in_groups SET person = 'Ann{b}' WHERE person = 'ann{a}'"),
    (3, "DELETE FROM people_in_groups WHERE code = 'g{a}'"),
    (1, "TRUNCATE people_in_groups"),
    (12, "INSERT INTO groups_in_groups VALUES ({n} + 20 * {s}, 'g{a}', 'g{b}', 'on')"),
    (4, "INSERT INTO groups_in_groups VALUES ({n} + 20 * {s}, 'g{a}', 'g{b}', 'on', now())"),
    (2, "UPDATE groups_in_groups SET state = 'off' WHERE \"inner\" = 'g{a}'"),
    (2, "UPDATE groups_in_groups SET state = 'on', since = NULL WHERE \"outer\" = 'g{a}'"),
    (1, "UPDATE groups_in_groups SET \"outer\" = NULL WHERE no = {n} + 20 * {s}"),
    (2, "UPDATE groups_in_groups SET no = -no WHERE \"inner\" = 'g{a}'"),
    (2, "UPDATE groups_in_groups SET region = 'y{n}' WHERE \"inner\" = 'g{a}'"),
    (2, "DELETE FROM groups_in_groups WHERE \"inner\" = 'g{a}'"),
    (1, "TRUNCATE groups_in_groups"),
];

/// Splitmix: the same seed gives the same script.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        u32::try_from((mixed ^ (mixed >> 31)) % u64::from(limit)).unwrap()
    }

    fn statement(&mut self, templates: &[Template]) -> (usize, String) {
        let mut left = self.below(templates.iter().map(|(weight, _)| weight).sum());
        let mut chosen = 0;
        for (at, (weight, _)) in templates.iter().enumerate() {
            chosen = at;
            if left < *weight {
                break;
            }
            left -= weight;
        }
        let mut sql = templates[chosen].1.to_owned();
        for (mark, sides) in [("{a}", 8), ("{b}", 8), ("{s}", 8), ("{n}", 20)] {
            sql = sql.replace(mark, &(1 + self.below(sides)).to_string());
        }
        (chosen, sql)
    }
}

async fn run(application: Application, templates: &[Template], seed: u64) {
    let world = World::start(application).await;
    // References may dangle: rows come in any order, and this order is the application's affair.
    world.execute("SET session_replication_role = replica").await;
    let mut dice = Dice(seed);
    let mut done = vec![0_usize; templates.len()];
    let (mut most, mut admins) = (0, 0);
    for transaction in 0..TRANSACTIONS {
        let mut script = vec!["BEGIN".to_owned()];
        world.execute("BEGIN").await;
        for _ in 0..=dice.below(6) {
            let (chosen, sql) = dice.statement(templates);
            world.execute("SAVEPOINT before").await;
            // What the tables' own constraints forbid did not happen.
            if world.sql.batch_execute(&sql).await.is_err() || dice.below(12) == 0 {
                world.execute("ROLLBACK TO before").await;
            } else {
                done[chosen] += 1;
                script.push(sql);
            }
        }
        let end = if dice.below(8) == 0 { "ROLLBACK" } else { "COMMIT" };
        world.execute(end).await;
        println!("{transaction}: {}; {end}", script.join("; "));
        let facts = world.agrees().await;
        most = most.max(facts.participations.len() - facts.direct.len());
        admins += facts.direct.values().filter(|admin| **admin).count();
    }
    // A run that did not do or reach everything proves nothing.
    for ((_, template), done) in templates.iter().zip(done) {
        assert!(done > 0, "never done: {template}");
    }
    assert!(most >= 5 && admins > 0, "{most} indirect, {admins} administrators");
    assert_eq!(world.feed.get().copies, 1);
    world.end().await;
}

#[tokio::test]
async fn launchpad() {
    run(LAUNCHPAD, LAUNCHPAD_CHANGES, 11).await;
}

#[tokio::test]
async fn people_and_teams() {
    run(PEOPLE_AND_TEAMS, PEOPLE_AND_TEAMS_CHANGES, 12).await;
}

#[tokio::test]
async fn uuid_keys() {
    run(UUID, UUID_CHANGES, 13).await;
}

/// Its partitions are truncated together, which changes where they are stored.
#[tokio::test]
async fn odd_keys_indexes_and_partitions() {
    run(ODD, ODD_CHANGES, 14).await;
}
