//! A directory with nested groups: `memberOf` of a person is every group that it is in, through
//! others too. The runner loads it; how is said there.

use crate::graph_files::{Listed, Transaction};
use crate::targets::{Applied, Place};
use anyhow::Context;
use ldap3::{Ldap, LdapConnAsync, Mod, Scope, SearchEntry};
use std::collections::HashSet;

const BASE: &str = "dc=peers";

pub struct Session {
    place: Place,
}

pub struct Directory {
    ldap: Ldap,
    teams: i64,
}

impl Session {
    pub fn new(place: Place) -> Self {
        Session { place }
    }
}

impl super::Session for Session {
    type Connection = Directory;

    async fn connect(&self) -> anyhow::Result<Directory> {
        let (connection, mut ldap) = LdapConnAsync::new(&self.place.at).await?;
        ldap3::drive!(connection);
        ldap.simple_bind(&format!("cn=admin,{BASE}"), "peers").await?.success()?;
        Ok(Directory { ldap, teams: self.place.teams })
    }
}

impl Directory {
    fn dn(&self, key: i64) -> String {
        if key <= self.teams {
            format!("cn=t{key},ou=teams,{BASE}")
        } else {
            format!("uid=p{key},ou=people,{BASE}")
        }
    }

    async fn search(
        &mut self,
        base: &str,
        scope: Scope,
        filter: &str,
        attribute: &str,
    ) -> anyhow::Result<Vec<SearchEntry>> {
        let found = self.ldap.search(base, scope, filter, vec![attribute]).await?;
        let (entries, _) = found.success()?;
        Ok(entries.into_iter().map(SearchEntry::construct).collect())
    }
}

/// The number in a name such as `cn=t17,ou=teams,…` or `p17`.
fn number(name: &str) -> anyhow::Result<i64> {
    let digits: String = name.chars().skip_while(|it| !it.is_ascii_digit()).collect();
    let digits = digits.split(',').next().unwrap_or_default();
    digits.parse().with_context(|| format!("no number in {name}"))
}

impl super::Connection for Directory {
    async fn check(&mut self, member: i64, team: i64) -> anyhow::Result<bool> {
        let (member, team) = (self.dn(member), self.dn(team));
        let filter = format!("(memberOf={team})");
        Ok(!self.search(&member, Scope::Base, &filter, "1.1").await?.is_empty())
    }

    async fn teams(&mut self, member: i64) -> anyhow::Result<Listed> {
        let dn = self.dn(member);
        let entries = self.search(&dn, Scope::Base, "(objectClass=*)", "memberOf").await?;
        let mut listed = Listed::default();
        for name in entries.iter().flat_map(|entry| entry.attrs.values().flatten()) {
            let team = number(name)?;
            if team != member {
                listed.add(team);
            }
        }
        Ok(listed)
    }

    async fn people(&mut self, team: i64) -> anyhow::Result<Listed> {
        let filter = format!("(memberOf={})", self.dn(team));
        let base = format!("ou=people,{BASE}");
        let entries = self.search(&base, Scope::OneLevel, &filter, "1.1").await?;
        let mut listed = Listed::default();
        for entry in &entries {
            listed.add(number(&entry.dn)?);
        }
        Ok(listed)
    }

    /// One entry after the other: a directory has no transactions.
    async fn apply(&mut self, transaction: &Transaction) -> anyhow::Result<Applied> {
        let mut applied = Applied::default();
        for (is_added, edges) in [(false, &transaction.remove), (true, &transaction.add)] {
            for &(member, team) in edges {
                let values = HashSet::from([self.dn(member)]);
                let attribute = "member".to_owned();
                let change = match is_added {
                    true => Mod::Add(attribute, values),
                    false => Mod::Delete(attribute, values),
                };
                let team = self.dn(team);
                self.ldap.modify(&team, vec![change]).await?.success()?;
                applied.rows += 1;
            }
        }
        Ok(applied)
    }
}
