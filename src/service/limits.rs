//! The limits of the service, in one table.
//!
//! Owns every bound on requests, answers and waits, with the reason for its number; `GetStatus`
//! shows them and `LIMIT_EXCEEDED` names them. It must know nothing else.
//!
//! INVARIANT (bounded): every answer, page, batch and wait has a limit that stands here.

use std::time::Duration;

/// A named bound. The unit stands last in the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The name, as errors and `GetStatus` show it.
    pub name: &'static str,
    /// The greatest value allowed.
    pub value: u64,
}

impl Limit {
    /// The value as a count of things in memory.
    pub(crate) fn count(self) -> usize {
        usize::try_from(self.value).unwrap_or(usize::MAX)
    }

    /// The value as milliseconds.
    pub(crate) const fn milliseconds(self) -> Duration {
        Duration::from_millis(self.value)
    }
}

const fn limit(name: &'static str, value: u64) -> Limit {
    Limit { name, value }
}

/// Bytes of one answer. Stock gRPC clients decode at most 4 MiB; the rest is room for framing and
/// for what surrounds a list.
pub const ANSWER_BYTES: Limit = limit("answer_bytes", 3 << 20);
/// Bytes of one request. The largest batch fits in every form: 100,000 pairs of two uuids, text
/// keys or names of up to 34 bytes, with their kinds, and of longer ones where the batch is shorter.
/// Not more, because a message is decoded before anything in it is counted: two bytes of an empty
/// pair become a hundred in memory.
pub const REQUEST_BYTES: Limit = limit("request_bytes", 8 << 20);
/// Members on one page: packed 64-bit keys of so many take at most 1 MB.
pub const PAGE_MEMBERS: Limit = limit("page_members", 100_000);
/// Members on one page, where the request does not say: some 100 kB.
pub const PAGE_MEMBERS_DEFAULT: Limit = limit("page_members_default", 10_000);
/// Pairs in one batch: about 0.1 s of work at a million people, and the answer with an error for each still fits.
pub const BATCH_PAIRS: Limit = limit("batch_pairs", 100_000);
/// References in one `GetMembers`: as many as a page holds, so that a page can be looked up.
pub const BATCH_REFS: Limit = limit("batch_refs", 100_000);
/// Lists in one batch of lists: as many as a page of members has, whose teams are then one call.
/// Their members come in pages of `page_members`.
pub const BATCH_LISTS: Limit = limit("batch_lists", 100_000);
/// Searches for paths at the same time, each on a thread of its own; more wait for their turn. One
/// through 200,000 teams takes a tenth of a second, and machines have at least two cores.
pub const SEARCHES: Limit = limit("searches", 4);
/// How long a stream of members may take: it holds its version for as long, and a caller who reads
/// slower than a million members in ten minutes is better off with pages.
pub const STREAM_MS: Limit = limit("stream_ms", 600_000);
/// Bytes of a name or text key in a reference: far more than a directory name needs.
pub const REF_TEXT_BYTES: Limit = limit("ref_text_bytes", 4_096);
/// Bytes of a page token: ours take 72, and later layouts may need more.
pub const PAGE_TOKEN_BYTES: Limit = limit("page_token_bytes", 256);
/// The longest wait for a freshness token that a request may ask for: past half a minute a caller
/// is better off with an error that says how far the feed is.
pub const WAIT_MS: Limit = limit("wait_ms", 30_000);
/// The wait for a freshness token where the request does not say: a large transaction may take
/// seconds, all else is there within milliseconds.
pub const WAIT_MS_DEFAULT: Limit = limit("wait_ms_default", 5_000);
/// Requests that wait for freshness at the same time: each holds a request and a timer, so this
/// is some 10 MB.
pub const WAITERS: Limit = limit("waiters", 10_000);
/// Calls under way on one connection: well above what HTTP/2 libraries allow unasked (100 to 200),
/// so that calls which wait for freshness do not hold up those which need not.
pub const CONNECTION_CALLS: Limit = limit("connection_calls", 4_096);
/// Cycles that `GetStatus` shows: enough to find the bad rows, small enough for a screen.
pub const CYCLES_SHOWN: Limit = limit("cycles_shown", 10);
/// Teams of each cycle that `GetStatus` shows.
pub const CYCLE_TEAMS_SHOWN: Limit = limit("cycle_teams_shown", 10);
/// Bytes of the examples in a report: far more than names need, far less than an answer holds.
pub const EXAMPLES_BYTES: Limit = limit("examples_bytes", 1 << 20);
/// How long requests under way may still run after the server was told to stop: less than the 30
/// seconds after which common supervisors kill.
pub const DRAIN_MS: Limit = limit("drain_ms", 10_000);

/// All of them.
pub const ALL: [Limit; 19] = [
    ANSWER_BYTES,
    REQUEST_BYTES,
    PAGE_MEMBERS,
    PAGE_MEMBERS_DEFAULT,
    BATCH_PAIRS,
    BATCH_REFS,
    BATCH_LISTS,
    SEARCHES,
    STREAM_MS,
    REF_TEXT_BYTES,
    PAGE_TOKEN_BYTES,
    WAIT_MS,
    WAIT_MS_DEFAULT,
    WAITERS,
    CONNECTION_CALLS,
    CYCLES_SHOWN,
    CYCLE_TEAMS_SHOWN,
    EXAMPLES_BYTES,
    DRAIN_MS,
];
