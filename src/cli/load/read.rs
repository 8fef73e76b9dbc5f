//! Reads the CSV files into a [`Roster`], refusing what a database would refuse, with the line.

use super::RoleNames;
use super::error::{LoadError, Place};
use super::roster::{NewMember, NewMembership, Roster, Standing};
use crate::id::Role;
use csv::StringRecord;
use indicatif::{ProgressBar, ProgressStyle};
use std::cell::RefCell;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

/// As the schema's check `person_name_is_sane`.
const NAME_MAX_CHARS: usize = 255;

/// Files as far as they are read.
#[derive(Debug, Default)]
pub(super) struct Reading {
    roster: Roster,
    by_name: HashMap<String, u32>,
    /// The line of each pair of member and team, to name the first of two.
    pairs: HashMap<(u32, u32), u64>,
}

impl Reading {
    /// Reads a file of members.
    pub(super) fn members(&mut self, path: &Path) -> Result<(), LoadError> {
        let columns = ["name|member|team", "kind", "display_name?", "owner?"];
        let mut lines = Lines::open(path, &columns)?;
        let only_teams = lines.header(0) == Some("team");
        while let Some(place) = lines.advance()? {
            let name = sane_name(&place, lines.field(0))?;
            let is_team = only_teams || is_team(&place, lines.field(1))?;
            let owner = Some(lines.field(3)).filter(|owner| !owner.is_empty());
            let standing = match (is_team, owner) {
                (true, None) => Standing::Team { owner: None },
                (true, Some(owner)) if owner == name => {
                    return Err(LoadError::line(&place, format!("`{name}` cannot own itself")));
                }
                (true, Some(owner)) => {
                    let owner = sane_name(&place, owner)?;
                    Standing::Team { owner: Some(self.mention(&place, owner)?) }
                }
                (false, None) => Standing::Person,
                (false, Some(_)) => {
                    let problem = "a person has no owner: leave the column empty";
                    return Err(LoadError::line(&place, problem));
                }
            };
            self.define(&place, name, lines.field(2), standing)?;
        }
        Ok(())
    }

    /// Reads a file of memberships, after the members'.
    pub(super) fn memberships(&mut self, path: &Path, roles: &RoleNames) -> Result<(), LoadError> {
        let mut lines = Lines::open(path, &["member", "team", "role"])?;
        while let Some(place) = lines.advance()? {
            let member = self.mention(&place, sane_name(&place, lines.field(0))?)?;
            let team = self.mention_team(&place, sane_name(&place, lines.field(1))?)?;
            let role = role(&place, lines.field(2), roles)?;
            match self.pairs.entry((member, team)) {
                Entry::Vacant(free) => free.insert(place.line),
                Entry::Occupied(first) => {
                    let problem = format!(
                        "the membership of `{}` in `{}` is already stated in line {}: remove one",
                        lines.field(0),
                        lines.field(1),
                        first.get(),
                    );
                    return Err(LoadError::line(&place, problem));
                }
            };
            let line = place.line;
            self.roster.memberships.push(NewMembership { member, team, role, line });
        }
        Ok(())
    }

    /// What was read.
    pub(super) fn finish(self) -> Roster {
        self.roster
    }

    fn define(
        &mut self,
        place: &Place,
        name: &str,
        display_name: &str,
        standing: Standing,
    ) -> Result<(), LoadError> {
        if display_name.contains('\0') {
            let problem = "the display name has a NUL character, which PostgreSQL cannot keep: \
                           remove it";
            return Err(LoadError::line(place, problem));
        }
        let display_name = if display_name.is_empty() { name } else { display_name };
        let index = self.mention(place, name)?;
        let known = self.roster.members.get_mut(usize::try_from(index).unwrap_or(usize::MAX));
        let Some(known) = known else { return Err(LoadError::TooMany) };
        if known.standing != Standing::Mentioned {
            let first = known.place.as_ref().map(Place::to_string).unwrap_or_default();
            let problem = format!("`{name}` is already defined in {first}: remove one");
            return Err(LoadError::line(place, problem));
        }
        *known = NewMember {
            name: name.to_owned(),
            display_name: display_name.to_owned(),
            standing,
            place: Some(place.clone()),
        };
        Ok(())
    }

    /// The index of a name.
    fn mention(&mut self, place: &Place, name: &str) -> Result<u32, LoadError> {
        if let Some(index) = self.by_name.get(name) {
            return Ok(*index);
        }
        let index = u32::try_from(self.roster.members.len()).map_err(|_| LoadError::TooMany)?;
        self.by_name.insert(name.to_owned(), index);
        self.roster.members.push(NewMember {
            name: name.to_owned(),
            display_name: name.to_owned(),
            standing: Standing::Mentioned,
            place: Some(place.clone()),
        });
        Ok(index)
    }

    /// The index of a name that is joined.
    fn mention_team(&mut self, place: &Place, name: &str) -> Result<u32, LoadError> {
        let index = self.mention(place, name)?;
        let known = self.roster.members.get_mut(usize::try_from(index).unwrap_or(usize::MAX));
        let Some(known) = known else { return Err(LoadError::TooMany) };
        match known.standing {
            Standing::Team { .. } | Standing::MentionedAsTeam => {}
            Standing::Mentioned => {
                known.standing = Standing::MentionedAsTeam;
                known.place = Some(place.clone());
            }
            Standing::Person => {
                let first = known.place.as_ref().map(Place::to_string).unwrap_or_default();
                let problem = format!(
                    "`{name}` is a person ({first}), and only a team can have members: correct its \
                     kind, or the column `team`"
                );
                return Err(LoadError::line(place, problem));
            }
        }
        Ok(index)
    }
}

fn sane_name<'a>(place: &Place, name: &'a str) -> Result<&'a str, LoadError> {
    let problem = if name.is_empty() {
        "the name is empty: give one, or remove the line".to_owned()
    } else if name.chars().count() > NAME_MAX_CHARS {
        format!("the name has more than {NAME_MAX_CHARS} characters: shorten it")
    } else if name.starts_with(' ') || name.ends_with(' ') {
        format!("the name `{name}` begins or ends with a space: remove it")
    } else if name.contains(char::is_control) {
        format!("the name `{}` has a control character: remove it", name.escape_debug())
    } else {
        return Ok(name);
    };
    Err(LoadError::line(place, problem))
}

fn is_team(place: &Place, kind: &str) -> Result<bool, LoadError> {
    match kind {
        "team" => Ok(true),
        "person" => Ok(false),
        other => {
            let problem = format!("`{other}` is not a kind: write person or team");
            Err(LoadError::line(place, problem))
        }
    }
}

fn role(place: &Place, word: &str, roles: &RoleNames) -> Result<Role, LoadError> {
    let is = |words: &[String]| words.iter().any(|known| known == word);
    if is(&roles.admin_roles) {
        Ok(Role::Admin)
    } else if is(&roles.member_roles) {
        Ok(Role::Member)
    } else {
        let problem = format!(
            "`{word}` is not a role: write {} or {}, or add it to --member-roles or --admin-roles",
            roles.member_roles.join(", "),
            roles.admin_roles.join(", "),
        );
        Err(LoadError::line(place, problem))
    }
}

/// The lines of a CSV file, by column.
struct Lines {
    reader: csv::Reader<NewlineLog>,
    newlines: Newlines,
    file: Arc<Path>,
    /// The last line of the record before the present one.
    last_line: u64,
    header: StringRecord,
    /// Where each wanted column stands; none for an optional one that is absent.
    columns: Vec<Option<usize>>,
    record: StringRecord,
}

impl Lines {
    /// Opens a file that has `columns`, each `name`, `name?` (optional) or `name|other`.
    fn open(path: &Path, columns: &[&str]) -> Result<Self, LoadError> {
        let cannot = |source| LoadError::Read { path: path.to_owned(), source };
        let file = File::open(path).map_err(cannot)?;
        let bytes = file.metadata().map_err(cannot)?.len();
        let bar = ProgressBar::new(bytes).with_style(bar_style("reading {prefix}"));
        bar.set_prefix(path.display().to_string());
        let newlines = Newlines::default();
        let log = NewlineLog { input: bar.wrap_read(file), read: 0, newlines: newlines.clone() };
        let mut reader = csv::Reader::from_reader(log);
        let file: Arc<Path> = Arc::from(path);
        let place = Place { file: Arc::clone(&file), line: 1 };
        let header = reader.headers().map_err(|error| csv_error(&place, error))?.clone();
        let columns =
            find_columns(&header, columns).map_err(|problem| LoadError::line(&place, problem))?;
        Ok(Lines {
            reader,
            newlines,
            file,
            last_line: 1,
            header,
            columns,
            record: StringRecord::new(),
        })
    }

    /// Goes to the next line; none after the last.
    fn advance(&mut self) -> Result<Option<Place>, LoadError> {
        let read = self.reader.read_record(&mut self.record);
        let end = self.reader.position().byte();
        // A quoted value may go over several lines: the first of them is named.
        let within = self.record.iter().flat_map(str::bytes).filter(|byte| *byte == b'\n').count();
        let within = u64::try_from(within).unwrap_or_default();
        let last_line = self.newlines.last_line_of(end);
        // A quote that is never closed swallows the file's last newline too, hence the maximum.
        let line = last_line.saturating_sub(within).max(self.last_line + 1);
        self.last_line = last_line;
        let place = Place { file: Arc::clone(&self.file), line };
        let found = read.map_err(|error| csv_error(&place, error))?;
        Ok(found.then_some(place))
    }

    /// The name of a wanted column, where there is a choice.
    fn header(&self, column: usize) -> Option<&str> {
        self.header.get((*self.columns.get(column)?)?)
    }

    /// The value of a wanted column in the present line; empty if the column is absent.
    fn field(&self, column: usize) -> &str {
        let at = self.columns.get(column).copied().flatten();
        at.and_then(|at| self.record.get(at)).unwrap_or_default()
    }
}

fn find_columns(header: &StringRecord, wanted: &[&str]) -> Result<Vec<Option<usize>>, String> {
    let list = wanted.iter().map(|column| match column.strip_suffix('?') {
        Some(optional) => format!("[{optional}]"),
        None => column.replace('|', " or "),
    });
    let list = list.collect::<Vec<_>>().join(", ");
    let mut known = Vec::new();
    let mut columns = Vec::new();
    for column in wanted {
        let names: Vec<&str> = column.trim_end_matches('?').split('|').collect();
        let found = header.iter().position(|name| names.contains(&name));
        if found.is_none() && !column.ends_with('?') {
            return Err(format!(
                "the header has no column `{}`: it must have {list}",
                names.join("` or `")
            ));
        }
        known.extend(found);
        columns.push(found);
    }
    match header.iter().enumerate().find(|(at, _)| !known.contains(at)) {
        Some((_, extra)) => Err(format!(
            "the header has a column `{extra}` that means nothing here: it may have {list}"
        )),
        None => Ok(columns),
    }
}

fn csv_error(place: &Place, error: csv::Error) -> LoadError {
    let problem = match error.into_kind() {
        csv::ErrorKind::Io(source) => {
            return LoadError::Read { path: place.file.to_path_buf(), source };
        }
        csv::ErrorKind::Utf8 { .. } => "the line is not UTF-8: convert the file".to_owned(),
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => format!(
            "the line has {len} columns and the header {expected_len}: add what is missing, or \
             quote a value that holds a comma"
        ),
        other => format!("the line cannot be read ({other:?})"),
    };
    LoadError::line(place, problem)
}

/// Where the newlines of a file are, as far as it is read.
///
/// The csv crate's own line numbers are one too low behind a blank line, and in files whose lines
/// end in CR LF.
#[derive(Clone, Debug, Default)]
struct Newlines(Rc<RefCell<NewlineOffsets>>);

#[derive(Debug, Default)]
struct NewlineOffsets {
    /// How many are no longer in `ahead`.
    passed: u64,
    /// The offsets of the others; at most a read buffer's worth.
    ahead: VecDeque<u64>,
}

impl Newlines {
    /// The line, from 1, of the byte before `end`; its own newline belongs to it.
    fn last_line_of(&self, end: u64) -> u64 {
        let mut offsets = self.0.borrow_mut();
        while offsets.ahead.front().is_some_and(|offset| offset + 1 < end) {
            offsets.ahead.pop_front();
            offsets.passed += 1;
        }
        offsets.passed + 1
    }
}

/// Reads on behalf of the csv crate, and notes the newlines.
struct NewlineLog {
    input: indicatif::ProgressBarIter<File>,
    read: u64,
    newlines: Newlines,
}

impl Read for NewlineLog {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        let mut offsets = self.newlines.0.borrow_mut();
        for (byte, offset) in buffer.iter().take(count).zip(self.read..) {
            if *byte == b'\n' {
                offsets.ahead.push_back(offset);
            }
        }
        drop(offsets);
        self.read += u64::try_from(count).unwrap_or_default();
        Ok(count)
    }
}

/// How progress bars look. They show on a terminal only.
pub(super) fn bar_style(title: &str) -> ProgressStyle {
    let template = format!("{title} [{{bar:40}}] {{percent}} % ({{eta}} left)");
    ProgressStyle::with_template(&template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}
