//! What stands in a checkpoint, and the way from an image to it and from it to a graph.
//!
//! Owns the records. Members are numbered by their place, and rows name them by number, so that a
//! key of many bytes is written once. It must not know files.
//!
//! ```text
//! header   history, version, applied position, facts of the source
//! keys     each member's key, also of those that are only named by rows
//! members  each in the order of the keys: what it is, its name, its owner
//! rows     table, then each row's key, member, team and role
//! end      how many of each there were, and the check over all blocks
//! ```

use super::CheckpointError;
use super::block::{BLOCK_BYTES, BlockReader, BlockWriter, Kind};
use super::fields::{
    Fields, Malformed, put_bytes, put_key, put_number, put_signed, put_source_key,
};
use crate::change::{Change, Membership, NamePut, RowId, RowKey};
use crate::graph::{GraphLimits, GraphWriter, Image, ImageMember, ImageRow};
use crate::id::{History, Key, Lsn, MemberKind, Role, SourceKey, TableId};
use crate::resume::{SourceFacts, TableMarks};
use std::io::{self, Read, Write};
use std::sync::Arc;

/// What a checkpoint says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// What its positions count in.
    pub history: History,
    /// The version that it holds.
    pub version: Lsn,
    /// Up to where that version is the newest.
    pub applied: Lsn,
    /// How its rows were read.
    pub facts: Arc<SourceFacts>,
}

/// Tells a checkpoint from all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub(super) history: History,
    pub(super) applied: Lsn,
    /// Over all its bytes.
    pub(super) check: u32,
}

/// A checkpoint that was written.
#[derive(Clone, Copy, Debug)]
pub struct Written {
    /// Which one.
    pub stamp: Stamp,
    /// Its size.
    pub bytes: u64,
}

/// A graph that was read.
#[derive(Debug)]
pub struct Loaded {
    /// The graph, with one version.
    pub writer: GraphWriter,
    /// What the checkpoint says of itself.
    pub header: Header,
    /// Which one it was.
    pub stamp: Stamp,
}

const ABSENT: u8 = 0;
const PERSON: u8 = 1;
const TEAM: u8 = 2;
const IS: u8 = 3;
const HAS_NAME: u8 = 4;
const HAS_OWNER: u8 = 8;

const ADMIN: u8 = 1;
const BY_INT: u8 = 0;
const BY_KEY: u8 = 2;
const BY_ENDS: u8 = 4;
const BY_PAIR: u8 = 6;
const BY: u8 = 6;

/// Writes a checkpoint. `goes_on` is asked before each block, so that it can be given up.
///
/// # Errors
/// Those of the output, and those of `goes_on`.
pub fn write(
    out: impl Write,
    header: &Header,
    image: &Image,
    goes_on: impl Fn() -> io::Result<()>,
) -> io::Result<Written> {
    let mut writer =
        Records { blocks: BlockWriter::new(out)?, payload: Vec::new(), before: 0, goes_on };
    put_header(&mut writer.payload, header);
    writer.end_block(Kind::Header)?;
    let members = image.member_count();
    for number in 0..members {
        let Some(key) = image.key(number) else { return Err(io::Error::other("a key is missing")) };
        put_source_key(&mut writer.payload, &key, &mut writer.before);
        writer.end_record(Kind::Keys)?;
    }
    writer.end_block(Kind::Keys)?;
    for number in 0..members {
        put_member(&mut writer.payload, image.member(number));
        writer.end_record(Kind::Members)?;
    }
    writer.end_block(Kind::Members)?;
    let (mut rows, mut table) = (0_u64, None);
    for row in image.rows() {
        if table.is_some_and(|table| table != row.key.table) {
            writer.end_block(Kind::Rows)?;
        }
        table = Some(row.key.table);
        if writer.payload.is_empty() {
            put_number(&mut writer.payload, u64::from(row.key.table.0));
        }
        let ends = (image.key(row.member), image.key(row.team));
        put_row(&mut writer.payload, &row, ends, &mut writer.before);
        rows += 1;
        writer.end_record(Kind::Rows)?;
    }
    writer.end_block(Kind::Rows)?;
    let check = writer.blocks.all();
    put_number(&mut writer.payload, u64::from(members));
    put_number(&mut writer.payload, rows);
    writer.payload.extend_from_slice(&check.to_le_bytes());
    writer.end_block(Kind::End)?;
    let stamp = Stamp { history: header.history, applied: header.applied, check };
    Ok(Written { stamp, bytes: writer.blocks.bytes() })
}

/// Records on their way into blocks.
struct Records<W, F> {
    blocks: BlockWriter<W>,
    payload: Vec<u8>,
    /// The last integer key of the block.
    before: i64,
    goes_on: F,
}

impl<W: Write, F: Fn() -> io::Result<()>> Records<W, F> {
    fn end_record(&mut self, kind: Kind) -> io::Result<()> {
        if self.payload.len() < BLOCK_BYTES { Ok(()) } else { self.end_block(kind) }
    }

    /// Writes the block, unless nothing is in it.
    fn end_block(&mut self, kind: Kind) -> io::Result<()> {
        self.before = 0;
        if self.payload.is_empty() {
            return Ok(());
        }
        (self.goes_on)()?;
        self.blocks.block(kind, &mut self.payload)
    }
}

fn put_header(out: &mut Vec<u8>, header: &Header) {
    put_number(out, header.history.system_id);
    put_number(out, u64::from(header.history.timeline));
    put_number(out, header.version.0);
    put_number(out, header.applied.0);
    let SourceFacts { mapping, tables, marks } = &*header.facts;
    put_bytes(out, mapping.as_bytes());
    put_bytes(out, tables.as_bytes());
    for TableMarks { definitions, files } in marks {
        put_bytes(out, definitions.as_bytes());
        put_bytes(out, files.as_bytes());
    }
}

fn put_member(out: &mut Vec<u8>, member: Option<ImageMember<'_>>) {
    let Some(ImageMember { kind, name, owner }) = member else {
        out.push(ABSENT);
        return;
    };
    let is = match kind {
        MemberKind::Person => PERSON,
        MemberKind::Team => TEAM,
    };
    let has_name = if name.is_some() { HAS_NAME } else { 0 };
    let has_owner = if owner.is_some() { HAS_OWNER } else { 0 };
    out.push(is | has_name | has_owner);
    if let Some(owner) = owner {
        put_number(out, u64::from(owner));
    }
    if let Some(name) = name {
        put_bytes(out, name.as_bytes());
    }
}

/// Puts a row. Where its key is the pair of its ends, which are known, it takes no bytes.
fn put_row(
    out: &mut Vec<u8>,
    row: &ImageRow,
    ends: (Option<SourceKey>, Option<SourceKey>),
    before: &mut i64,
) {
    let admin = if row.role == Role::Admin { ADMIN } else { 0 };
    match &row.key.key {
        RowId::Key(Key::Int(key)) => {
            out.push(admin | BY_INT);
            put_signed(out, key.wrapping_sub(*before));
            *before = *key;
        }
        RowId::Key(key) => {
            out.push(admin | BY_KEY);
            put_key(out, key, before);
        }
        RowId::Pair(member, team) => {
            let is = |end: Option<SourceKey>, key: &Key| end.is_some_and(|end| end.key == *key);
            if is(ends.0, member) && is(ends.1, team) {
                out.push(admin | BY_ENDS);
            } else {
                out.push(admin | BY_PAIR);
                put_key(out, member, before);
                put_key(out, team, before);
            }
        }
    }
    put_number(out, u64::from(row.member));
    put_number(out, u64::from(row.team));
}

/// Reads a checkpoint of so many bytes into a graph, as copy number `copy` of its source.
///
/// # Errors
/// [`CheckpointError`]: what is wrong with the bytes.
pub fn load(
    input: impl Read,
    size: u64,
    copy: u64,
    limits: GraphLimits,
) -> Result<Loaded, CheckpointError> {
    let mut blocks = BlockReader::new(input, size)?;
    let (kind, _, payload) = blocks.next()?;
    let header = match kind {
        Kind::Header => header(payload),
        _ => Err("the first is not the header"),
    };
    let header = header.map_err(|what| CheckpointError::Corrupt { block: 0, what })?;
    let writer = GraphWriter::new(copy, header.history, limits);
    let mut content = Content { writer, keys: Vec::new(), members: 0, rows: 0, stage: Kind::Keys };
    let check = loop {
        let (kind, before, payload) = blocks.next()?;
        if kind == Kind::End {
            let ended = content.end(payload, before);
            let block = blocks.block();
            ended.map_err(|what| CheckpointError::Corrupt { block, what })?;
            break before;
        }
        let read = content.block(kind, payload);
        let block = blocks.block();
        read.map_err(|error| match error {
            ContentError::Malformed(what) => CheckpointError::Corrupt { block, what },
            ContentError::Full(full) => full.into(),
        })?;
    };
    if !blocks.is_at_end() {
        let what = "something follows the end";
        return Err(CheckpointError::Corrupt { block: blocks.block(), what });
    }
    let mut writer = content.writer;
    writer.commit(header.version);
    let stamp = Stamp { history: header.history, applied: header.applied, check };
    Ok(Loaded { writer, header, stamp })
}

fn header(payload: &[u8]) -> Result<Header, Malformed> {
    let mut fields = Fields::new(payload);
    let history = History { system_id: fields.number()?, timeline: fields.small()? };
    let (version, applied) = (Lsn(fields.number()?), Lsn(fields.number()?));
    if version > applied {
        return Err("its version lies past its position");
    }
    let mapping = fields.text()?.to_owned();
    let tables = fields.text()?.to_owned();
    let mut marks = Vec::new();
    while !fields.is_empty() {
        let (definitions, files) = (fields.text()?.to_owned(), fields.text()?.to_owned());
        marks.push(TableMarks { definitions, files });
    }
    let facts = Arc::new(SourceFacts { mapping, tables, marks });
    Ok(Header { history, version, applied, facts })
}

/// A graph that is being read.
struct Content {
    writer: GraphWriter,
    keys: Vec<SourceKey>,
    members: usize,
    rows: u64,
    /// The last kind of block that came; none comes again after a later one.
    stage: Kind,
}

enum ContentError {
    Malformed(Malformed),
    Full(crate::graph::GraphFull),
}

impl From<Malformed> for ContentError {
    fn from(what: Malformed) -> Self {
        ContentError::Malformed(what)
    }
}

impl From<crate::graph::GraphFull> for ContentError {
    fn from(full: crate::graph::GraphFull) -> Self {
        ContentError::Full(full)
    }
}

impl Content {
    fn block(&mut self, kind: Kind, payload: &[u8]) -> Result<(), ContentError> {
        let mut fields = Fields::new(payload);
        match (self.stage, kind) {
            (Kind::Keys, Kind::Keys) => {
                let mut before = 0;
                while !fields.is_empty() {
                    self.keys.push(fields.source_key(&mut before)?);
                }
            }
            (Kind::Keys | Kind::Members, Kind::Members) => {
                while !fields.is_empty() {
                    self.member(&mut fields)?;
                }
            }
            (Kind::Members | Kind::Rows, Kind::Rows) => self.rows(&mut fields)?,
            _ => return Err("it comes out of its order".into()),
        }
        self.stage = kind;
        Ok(())
    }

    fn key(&self, fields: &mut Fields<'_>) -> Result<SourceKey, Malformed> {
        let number: usize = fields.small()?;
        self.keys.get(number).cloned().ok_or("a member's number has no key")
    }

    fn member(&mut self, fields: &mut Fields<'_>) -> Result<(), ContentError> {
        let head = fields.byte()?;
        let key = self.keys.get(self.members).cloned().ok_or("a member has no key")?;
        self.members += 1;
        let kind = match head & IS {
            ABSENT if head == ABSENT => return Ok(()),
            PERSON => MemberKind::Person,
            TEAM => MemberKind::Team,
            _ => return Err("a kind of member that is not known".into()),
        };
        if head & !(IS | HAS_NAME | HAS_OWNER) != 0 {
            return Err("a member has what is not known".into());
        }
        let owner = (head & HAS_OWNER != 0).then(|| self.key(fields)).transpose()?;
        let name = (head & HAS_NAME != 0).then(|| fields.text()).transpose()?;
        let name = NamePut::Set(name.map(Arc::from));
        Ok(self.writer.apply(Change::MemberPut { key, kind, name, owner })?)
    }

    fn rows(&mut self, fields: &mut Fields<'_>) -> Result<(), ContentError> {
        let table = TableId(fields.small()?);
        let mut before = 0;
        while !fields.is_empty() {
            let head = fields.byte()?;
            if head & !(BY | ADMIN) != 0 {
                return Err("a row has what is not known".into());
            }
            let key = match head & BY {
                BY_INT => {
                    before = fields.signed()?.wrapping_add(before);
                    Some(RowId::Key(Key::Int(before)))
                }
                BY_KEY => Some(RowId::Key(fields.key(&mut before)?)),
                BY_PAIR => Some(RowId::Pair(fields.key(&mut before)?, fields.key(&mut before)?)),
                _ => None,
            };
            let (member, team) = (self.key(fields)?, self.key(fields)?);
            let key = key.unwrap_or_else(|| RowId::Pair(member.key.clone(), team.key.clone()));
            let role = if head & ADMIN != 0 { Role::Admin } else { Role::Member };
            let states = Some(Membership { member, team, role });
            self.writer.apply(Change::RowPut { row: RowKey { table, key }, states })?;
            self.rows += 1;
        }
        Ok(())
    }

    fn end(&self, payload: &[u8], check: u32) -> Result<(), Malformed> {
        let mut fields = Fields::new(payload);
        let (members, rows): (usize, u64) = (fields.small()?, fields.number()?);
        let said = [fields.byte()?, fields.byte()?, fields.byte()?, fields.byte()?];
        if !fields.is_empty() {
            return Err("the end holds more than it should");
        }
        let is_whole = self.keys.len() == members && self.members == members && self.rows == rows;
        if !is_whole {
            return Err("there are not as many members or rows as there should be");
        }
        let matches = u32::from_le_bytes(said) == check;
        if matches || cfg!(fuzzing) { Ok(()) } else { Err("the check over all does not match") }
    }
}
