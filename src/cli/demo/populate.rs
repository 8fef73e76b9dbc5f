//! The demo's database: an empty one, which it fills, or one that an earlier demo has filled.
//!
//! Owns the mark that tells the demo's databases from others', which it must never touch.

use super::organisation::{self, COMPANY};
use crate::cli::load;
use crate::cli::output::print;
use crate::database::Session;
use crate::migrate;
use anyhow::bail;
use tokio::time::Instant;

/// What the comment on the schema of such a database begins with.
const MARK: &str = "filled by `teamgraph demo";

/// What a database holds.
#[derive(Debug, PartialEq, Eq)]
enum Holds {
    Nothing,
    /// The organisation of an earlier demo, with its mark.
    Organisation(String),
    Else,
}

/// Fills the database, unless it holds an organisation of the demo's already.
pub(super) async fn populate(url: &str, seed: u64, people: u32) -> anyhow::Result<()> {
    let mut session = Session::connect(url).await?;
    let mark = format!("{MARK} --people {people} --seed {seed}`");
    match look(&session).await? {
        Holds::Nothing => {}
        Holds::Organisation(found) if found == mark => {
            print("The database holds the organisation already.\n")?;
            return Ok(());
        }
        Holds::Organisation(found) => {
            print(&format!(
                "The database holds another organisation already, {found}: the tour takes that one. \
                 For a new one give an empty database, or none.\n"
            ))?;
            return Ok(());
        }
        Holds::Else => bail!(
            "the database has a schema `teamgraph` with something in it that is not the demo's, \
             which the demo does not touch: give an empty database, or none (the demo then starts a \
             private one)"
        ),
    }
    migrate::migrate(url).await?;
    // First: what is there but not marked would be taken for somebody else's.
    session.client().batch_execute(&format!("COMMENT ON SCHEMA teamgraph IS '{mark}'")).await?;
    let begun = Instant::now();
    let roster = organisation::generate(seed, people);
    let inserted = load::insert(&mut session, &roster).await?;
    let seconds = begun.elapsed().as_secs_f64();
    print(&format!("{} ({seconds:.1} s)\n", load::describe(&inserted)))?;
    Ok(())
}

async fn look(session: &Session) -> anyhow::Result<Holds> {
    let sql = "SELECT obj_description(n.oid, 'pg_namespace'), \
                      to_regclass('teamgraph.person') IS NOT NULL \
               FROM pg_namespace n WHERE nspname = 'teamgraph' \
               AND EXISTS (SELECT FROM pg_class WHERE relnamespace = n.oid)";
    let Some(schema) = session.client().query_opt(sql, &[]).await? else {
        return Ok(Holds::Nothing);
    };
    let (comment, has_members): (Option<String>, bool) = (schema.get(0), schema.get(1));
    if !has_members {
        return Ok(Holds::Else);
    }
    let sql = "SELECT EXISTS (SELECT FROM teamgraph.person), \
                      EXISTS (SELECT FROM teamgraph.person WHERE name = $1)";
    let members = session.client().query_one(sql, &[&COMPANY]).await?;
    let (any, company): (bool, bool) = (members.get(0), members.get(1));
    Ok(match comment.filter(|comment| company && comment.starts_with(MARK)) {
        Some(mark) => Holds::Organisation(mark),
        None if any => Holds::Else,
        None => Holds::Nothing,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::{EmbeddedOptions, EmbeddedPostgres};

    #[tokio::test]
    async fn only_empty_databases_and_the_demos_own_are_touched() {
        let server = EmbeddedPostgres::start(EmbeddedOptions::default()).await.unwrap();
        let url = server.create_database("theirs").await.unwrap();
        let session = Session::connect(&url).await.unwrap();
        migrate::migrate(&url).await.unwrap();
        assert_eq!(look(&session).await.unwrap(), Holds::Nothing);
        let add = "INSERT INTO teamgraph.person (name, display_name) VALUES ('acme', 'Theirs')";
        session.client().batch_execute(add).await.unwrap();
        let refused = populate(&url, 1, 2_000).await.unwrap_err().to_string();
        assert!(refused.contains("does not touch: give an empty database"), "{refused}");
        let count = "SELECT count(*) FROM teamgraph.person";
        let count: i64 = session.client().query_one(count, &[]).await.unwrap().get(0);
        assert_eq!(count, 1);

        let url = server.create_database("elsewhat").await.unwrap();
        let session = Session::connect(&url).await.unwrap();
        let other = "CREATE SCHEMA teamgraph; CREATE TABLE teamgraph.t ()";
        session.client().batch_execute(other).await.unwrap();
        assert_eq!(look(&session).await.unwrap(), Holds::Else);

        let url = server.create_database("ours").await.unwrap();
        let session = Session::connect(&url).await.unwrap();
        assert_eq!(look(&session).await.unwrap(), Holds::Nothing);
        populate(&url, 1, 2_000).await.unwrap();
        let ours = Holds::Organisation("filled by `teamgraph demo --people 2000 --seed 1`".into());
        assert_eq!(look(&session).await.unwrap(), ours);
        // Another size or seed: what is there is taken.
        populate(&url, 2, 2_100).await.unwrap();
        assert_eq!(look(&session).await.unwrap(), ours);
        server.stop().await.unwrap();
    }
}
