//! Requests that go down, from those who answer clients to those who hold the source.
//!
//! Owns the shape of questions and answers only: standard library, no knowledge of either side.

use crate::id::{History, Lsn, MemberKind, SourceKey, Version};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;

/// Where the source's log ends now, on its primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourcePosition {
    /// The primary's cluster and timeline.
    pub history: History,
    /// The insert position: no commit that exists is past it.
    pub insert_lsn: Lsn,
}

/// The source could not be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceUnavailable(pub String);

impl fmt::Display for SourceUnavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the source database cannot be asked: {}", self.0)
    }
}

impl std::error::Error for SourceUnavailable {}

/// The answer of a [`Source`], later.
pub type SourceReply =
    Pin<Box<dyn Future<Output = Result<SourcePosition, SourceUnavailable>> + Send>>;

/// The source database, as far as answering a client needs it.
pub trait Source: Send + Sync + fmt::Debug {
    /// Asks the primary where its log ends; bounded in time by the implementation.
    fn position(&self) -> SourceReply;
}

/// What an operator asks of a running server.
///
/// One verify and one rebuild run at a time.
pub trait Admin: Send + Sync + fmt::Debug {
    /// Compares the graph with the source's rows.
    ///
    /// # Errors
    /// Why it does not begin.
    fn verify(&self, order: VerifyOrder) -> Result<AdminRun<VerifyEvent>, AdminRefused>;

    /// Builds the graph anew and serves it.
    ///
    /// # Errors
    /// Why it does not begin.
    fn rebuild(&self, order: RebuildOrder) -> Result<AdminRun<RebuildEvent>, AdminRefused>;

    /// What came of the last verify, whoever asked for it; none before the first has ended.
    fn last_verify(&self) -> Option<LastVerify>;
}

/// The end of a verify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastVerify {
    /// When it ended.
    pub ended_at: SystemTime,
    /// What came of it.
    pub outcome: Result<Arc<DriftReport>, AdminError>,
}

/// What a run tells: progress, now and then, then its report or its error, and nothing more.
///
/// A stream without the name, since the standard library has none.
pub trait AdminEvents<E>: Send {
    /// The next event; `None` after the last.
    fn poll_event(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<E, AdminError>>>;
}

/// A run. To drop it cancels it.
pub type AdminRun<E> = Pin<Box<dyn AdminEvents<E>>>;

/// Why a run does not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminRefused {
    /// Another of its kind has not ended.
    AlreadyRunning,
    /// No copy of the source is whole yet.
    NotReady,
    /// This server does not do it.
    Unsupported,
}

impl fmt::Display for AdminRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AdminRefused::AlreadyRunning => "another run of this kind has not ended",
            AdminRefused::NotReady => "no copy of the source is whole yet",
            AdminRefused::Unsupported => "this server does no such thing",
        })
    }
}

impl std::error::Error for AdminRefused {}

/// Why a run ended without a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminError {
    /// Whether the graph is right could not be told.
    Inconclusive(String),
    /// The graph was not built anew; what was served is served still.
    NotRebuilt(String),
    /// An operator must change something at the source first.
    Source(String),
    /// The server is stopping.
    Stopping,
    /// The server contradicts itself.
    Defect(String),
}

impl fmt::Display for AdminError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AdminError::Inconclusive(why) => {
                write!(f, "whether the graph is right could not be told: {why}")
            }
            AdminError::NotRebuilt(why) => write!(f, "the graph was not built anew: {why}"),
            AdminError::Source(why) => f.write_str(why),
            AdminError::Stopping => f.write_str("the server is stopping"),
            AdminError::Defect(what) => write!(f, "please report this defect: {what}"),
        }
    }
}

impl std::error::Error for AdminError {}

/// How to compare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VerifyOrder {
    /// How many members to recompute the participations of; all of them where it does not say.
    pub sample: Option<u64>,
}

/// How to build anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RebuildOrder {
    /// As in [`VerifyOrder`], for the report of what differed.
    pub sample: Option<u64>,
}

/// An event of a verify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VerifyEvent {
    /// How far it is.
    Progress(AdminProgress),
    /// What came of it.
    Report(Box<DriftReport>),
}

/// An event of a rebuild.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RebuildEvent {
    /// How far it is.
    Progress(AdminProgress),
    /// What came of it.
    Report(Box<RebuildReport>),
}

impl From<AdminProgress> for VerifyEvent {
    fn from(progress: AdminProgress) -> Self {
        VerifyEvent::Progress(progress)
    }
}

impl From<AdminProgress> for RebuildEvent {
    fn from(progress: AdminProgress) -> Self {
        RebuildEvent::Progress(progress)
    }
}

/// What a run is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminPhase {
    /// Waiting for a position of the source and its snapshot.
    Opening,
    /// Reading; in rows.
    Reading,
    /// Waiting for the graph to have applied all up to that position.
    Waiting,
    /// Comparing; in steps, of which a member takes up to three.
    Comparing,
    /// Making a graph of the rows.
    Building,
    /// Applying what was committed since that position; in bytes of the log.
    CatchingUp,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdminProgress {
    /// What it is doing.
    pub phase: AdminPhase,
    /// How much of it is done.
    pub done: u64,
    /// How much there is; 0 where that is not known.
    pub total: u64,
}

/// Examples of each kind that a report holds.
pub const EXAMPLES_MAX: usize = 10;

/// What differs between the source's rows and the graph.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DriftReport {
    /// The version that was compared.
    pub version: Version,
    /// The position that the rows were read at.
    pub read_at: Lsn,
    /// Rows read, of all tables.
    pub rows: u64,
    /// Members that the rows hold.
    pub members: u64,
    /// Direct memberships that active rows state.
    pub memberships: u64,
    /// Members whose participations were recomputed and compared.
    pub members_compared: u64,
    /// Participations that were recomputed for them.
    pub participations: u64,
    /// Whether those were all members.
    pub whole: bool,
    /// What was found, by kind; each kind once.
    pub findings: Vec<Finding>,
}

impl DriftReport {
    /// How many differences there are, of all kinds.
    pub fn differences(&self) -> u64 {
        let differences = self.findings.iter().filter(|it| it.kind.is_difference());
        differences.map(|it| it.count).sum()
    }
}

/// What kind of thing was found; `docs/api.md` says what each means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingKind {
    /// A member's row that the graph does not have.
    MemberMissing,
    /// A member of the graph that has no row.
    MemberSpurious,
    /// A person in the one, a team in the other.
    KindDiffers,
    /// Another directory name, or a name that leads elsewhere.
    NameDiffers,
    /// Another owner, seen from either end.
    OwnerDiffers,
    /// A membership that rows state and the graph lacks, seen from either end.
    MembershipMissing,
    /// A membership of the graph that no active row states, seen from either end.
    MembershipSpurious,
    /// Another role.
    RoleDiffers,
    /// A participation that follows from the rows and that the graph denies.
    ParticipationMissing,
    /// A participation that the graph affirms and that does not follow from the rows.
    ParticipationSpurious,
    /// Teams that all participate in one another.
    Cycle,
    /// A membership of whom or in what has no row, or in a person.
    DanglingEnd,
    /// A membership of a member in itself.
    SelfMembership,
    /// A row of the built-in schema with a status that it does not know.
    StatusUnknown,
}

impl FindingKind {
    /// Whether the graph is wrong there; the other kinds are peculiarities of the source.
    pub const fn is_difference(self) -> bool {
        !matches!(
            self,
            FindingKind::Cycle
                | FindingKind::DanglingEnd
                | FindingKind::SelfMembership
                | FindingKind::StatusUnknown
        )
    }
}

/// All that was found of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind.
    pub kind: FindingKind,
    /// How many.
    pub count: u64,
    /// Some of them, at most [`EXAMPLES_MAX`].
    pub examples: Vec<FindingExample>,
}

/// One thing that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FindingExample {
    /// Whom it is about: one member; the member and the team of an edge; some teams of a cycle.
    pub members: Vec<NamedMember>,
    /// What the source says of it, in words.
    pub source: String,
    /// What the graph says of it, in words.
    pub graph: String,
}

/// A member in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedMember {
    /// Its key in the source.
    pub key: SourceKey,
    /// Its directory name, if it has one.
    pub name: Option<Arc<str>>,
    /// What it is; none if it does not exist.
    pub kind: Option<MemberKind>,
}

/// What came of a rebuild.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RebuildReport {
    /// The version that is served now.
    pub version: Version,
    /// Which fresh copy it is.
    pub copy: u64,
    /// Rows read, of all tables.
    pub rows: u64,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// What differed in the graph that was served before, or why that could not be told.
    pub drift: Result<DriftReport, String>,
}
