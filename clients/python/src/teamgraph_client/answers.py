"""What the server answers, as plain values.

Owns the types of answers. It must not know the wire: `convert` makes these from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from uuid import UUID

from teamgraph_client.errors import ItemRefused


class Kind(Enum):
    """Whether a member is a person or a team."""

    PERSON = "person"
    TEAM = "team"


class Role(Enum):
    """The role that a direct membership gives."""

    MEMBER = "member"
    ADMIN = "admin"


class Relation(Enum):
    """How a member stands to a team. NONE is a no, all else a yes."""

    NONE = "none"
    SELF = "self"
    DIRECT = "direct"
    INDIRECT = "indirect"

    # An enum's member is true unless told otherwise, and `if relation` must not be a yes for NONE.
    def __bool__(self) -> bool:
        return self is not Relation.NONE


class Scope(Enum):
    """How far a list reaches."""

    DIRECT = "direct"
    ALL = "all"


class Kinds(Enum):
    """Which members of a team are listed."""

    PEOPLE = "people"
    TEAMS = "teams"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Version:
    """Names the state of the graph after one whole transaction of the source."""

    system_id: int
    timeline: int
    end_lsn: int
    tick: int


@dataclass(frozen=True, slots=True)
class AnsweredAt:
    """Which state of the source an answer stands for."""

    version: Version
    #: Every change committed before this position of the source is in the answer.
    applied_lsn: str
    #: Whoever sends it on, with `at_least_as_fresh`, never sees an older state than this one.
    token: str
    #: For how long the source has been out of reach, in milliseconds; 0 while it is not.
    stale_for_ms: int
    instance: str
    #: Which fresh copy of the source this version descends from, in the server's process.
    copy: int


@dataclass(frozen=True, slots=True)
class Member:
    """A person or a team, as the directory has it."""

    key: int | str | UUID
    name: str | None
    kind: Kind


@dataclass(frozen=True, slots=True)
class CheckAnswer:
    """How a member stands to a team, in the relation that was asked for. True if it is a yes."""

    relation: Relation
    answered_at: AnsweredAt

    # An object is true unless told otherwise, and `if client.check(...)` must not always be a yes.
    def __bool__(self) -> bool:
        return bool(self.relation)


@dataclass(frozen=True, slots=True)
class CheckItem:
    """The answer to one pair of a batch: a relation, or the reason why there is none."""

    relation: Relation | None
    reason: str | None

    # As in CheckAnswer; and what has no answer is neither true nor false.
    def __bool__(self) -> bool:
        if self.relation is None:
            raise ItemRefused(self.reason or "")
        return bool(self.relation)


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """The answers to many pairs, in their order, all from one version."""

    results: tuple[CheckItem, ...]
    answered_at: AnsweredAt


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list. All pages of a list come from one version."""

    members: tuple[Member, ...]
    answered_at: AnsweredAt


@dataclass(frozen=True, slots=True)
class PathStep:
    """One member on a path, with its role in the next; none on the last."""

    member: Member
    role: Role | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a member participates: the shortest path, both ends included; empty where it does not."""

    relation: Relation
    path: tuple[PathStep, ...]
    #: What is known of why it does not, in a sentence for people; empty where it does.
    note: str
    answered_at: AnsweredAt


@dataclass(frozen=True, slots=True)
class MemberItem:
    """What the directory has of one reference: a member, or the reason why there is none."""

    member: Member | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class MembersAnswer:
    """What the directory has of many references, in their order."""

    results: tuple[MemberItem, ...]
    answered_at: AnsweredAt


@dataclass(frozen=True, slots=True)
class Feed:
    """The change feed's report."""

    #: starting, checking, creating-slot, copying, catching-up, streaming, backing-off or failed.
    state: str
    #: What is wrong, and the fix; empty while nothing is.
    error: str
    slot: str
    publication: str
    rows_copied: int
    retry_in_ms: int
    reconnects: int
    copies: int


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes and peculiarities of the newest version."""

    people: int
    teams: int
    memberships: int
    rows: int
    team_edges: int
    closure_pairs: int
    closure_materialised: bool
    cycles: int
    teams_on_cycles: int
    self_memberships: int


@dataclass(frozen=True, slots=True)
class Cycle:
    """Teams that all participate in one another: some of them, and how many they are."""

    teams: tuple[Member, ...]
    team_count: int


@dataclass(frozen=True, slots=True)
class Digest:
    """What tells a version from others: equal for servers of one database at one version."""

    #: Over what is stated, as 32 hexadecimal digits.
    rows: str
    #: Over the participations of teams in teams; empty while that closure is not materialised.
    closure: str


@dataclass(frozen=True, slots=True)
class Projection:
    """The participation table that the server keeps in SQL."""

    table: str
    #: starting, filling, reconciling, following, backing-off or failed.
    state: str
    #: The version whose participations the table holds; None while that is not known.
    version: Version | None
    #: Everything committed before this position is in the table; empty without a version.
    applied_lsn: str
    #: How long ago the table was last known to lack nothing; None if it never was since the start.
    lag_ms: int | None
    retry_in_ms: int
    #: What went wrong last, and the fix, also if it is overcome; empty if nothing did.
    error: str
    error_age_ms: int


@dataclass(frozen=True, slots=True)
class Status:
    """How the server is."""

    product_version: str
    instance: str
    #: None before the first copy is whole.
    answered_at: AnsweredAt | None
    source_lsn: str
    lag_bytes: int
    #: Received and not in the newest state yet.
    lag_transactions: int
    #: For how long the newest state has been behind.
    lag_ms: int
    feed: Feed
    #: None before the first copy is whole.
    sizes: Sizes | None
    cycles: tuple[Cycle, ...]
    #: None before the first copy is whole.
    digest: Digest | None
    #: The limits of the service, by name; the unit stands last.
    limits: Mapping[str, int]
    #: None where the server keeps no participation table.
    projection: Projection | None
