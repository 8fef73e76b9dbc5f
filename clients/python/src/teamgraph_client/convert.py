"""Between the package's own values and the wire.

Owns each direction, once for both clients. Nothing else reads or writes the wire's types.
"""

from collections.abc import Iterable, Mapping
from typing import TypeVar
from uuid import UUID

from teamgraph_client._wire import member_pb2, version_pb2
from teamgraph_client._wire import participation_service_pb2 as pb
from teamgraph_client.answers import (
    AnsweredAt,
    BatchAnswer,
    CheckAnswer,
    CheckItem,
    Cycle,
    Digest,
    Explanation,
    Feed,
    Kind,
    Kinds,
    Member,
    MemberItem,
    MembersAnswer,
    Page,
    PathStep,
    Projection,
    Relation,
    Role,
    Scope,
    Sizes,
    Status,
    Version,
)
from teamgraph_client.errors import UnexpectedAnswer
from teamgraph_client.questions import Freshness, MemberRef, by_name

Value = TypeVar("Value")

_KINDS_OUT = {
    None: member_pb2.MEMBER_KIND_UNSPECIFIED,
    Kind.PERSON: member_pb2.MEMBER_KIND_PERSON,
    Kind.TEAM: member_pb2.MEMBER_KIND_TEAM,
}
_SCOPES_OUT = {Scope.DIRECT: pb.LIST_SCOPE_DIRECT, Scope.ALL: pb.LIST_SCOPE_ALL}
_LISTED_OUT = {
    Kinds.PEOPLE: pb.LIST_KINDS_PEOPLE,
    Kinds.TEAMS: pb.LIST_KINDS_TEAMS,
    Kinds.ALL: pb.LIST_KINDS_ALL,
}
_KINDS_IN: Mapping[int, Kind] = {
    member_pb2.MEMBER_KIND_PERSON: Kind.PERSON,
    member_pb2.MEMBER_KIND_TEAM: Kind.TEAM,
}
_ROLES_IN: Mapping[int, Role | None] = {
    member_pb2.ROLE_UNSPECIFIED: None,
    member_pb2.ROLE_MEMBER: Role.MEMBER,
    member_pb2.ROLE_ADMIN: Role.ADMIN,
}
_RELATIONS_IN: Mapping[int, Relation] = {
    member_pb2.RELATION_NONE: Relation.NONE,
    member_pb2.RELATION_SELF: Relation.SELF,
    member_pb2.RELATION_DIRECT: Relation.DIRECT,
    member_pb2.RELATION_INDIRECT: Relation.INDIRECT,
}


def _known(table: Mapping[int, Value], value: int, what: str) -> Value:
    """The value of an enum, or an error: a guess might be a wrong yes."""
    if value not in table:
        raise UnexpectedAnswer(f"the server answered the {what} {value}, which is not known here")
    return table[value]


# Questions.


def reference(member: str | MemberRef) -> member_pb2.MemberRef:
    """Plain text is a name."""
    member = by_name(member) if isinstance(member, str) else member
    wire = member_pb2.MemberRef(kind=_KINDS_OUT[member.kind])
    setattr(wire, member.field, member.value)
    return wire


def freshness(asked: Freshness | None) -> version_pb2.Freshness | None:
    """None where the newest version will do."""
    if asked is None:
        return None
    if isinstance(asked.at, Version):
        at = asked.at
        return version_pb2.Freshness(
            exactly=version_pb2.Version(
                system_id=at.system_id, timeline=at.timeline, end_lsn=at.end_lsn, tick=at.tick
            )
        )
    return version_pb2.Freshness(at_least_as_fresh=asked.at, max_wait_ms=asked.max_wait_ms)


def check(
    member: str | MemberRef, team: str | MemberRef, lenient: bool, fresh: Freshness | None
) -> pb.CheckRequest:
    """One pair: does the member participate?"""
    return pb.CheckRequest(
        member=reference(member), team=reference(team), lenient=lenient, freshness=freshness(fresh)
    )


def administers(
    member: str | MemberRef, team: str | MemberRef, lenient: bool, fresh: Freshness | None
) -> pb.CheckRequest:
    """One pair: may the member administer the team?"""
    request = check(member, team, lenient, fresh)
    request.relation = pb.ASKED_RELATION_ADMINISTRATOR
    return request


def batch(
    pairs: Iterable[tuple[str | MemberRef, str | MemberRef]],
    lenient: bool,
    fresh: Freshness | None,
) -> pb.BatchCheckRequest:
    """Many pairs."""
    wire = [pb.CheckPair(member=reference(m), team=reference(t)) for m, t in pairs]
    return pb.BatchCheckRequest(pairs=wire, lenient=lenient, freshness=freshness(fresh))


def list_teams(
    member: str | MemberRef, scope: Scope, page_size: int, fresh: Freshness | None
) -> pb.ListTeamsRequest:
    """The first page of the teams."""
    return pb.ListTeamsRequest(
        member=reference(member),
        scope=_SCOPES_OUT[scope],
        view=pb.LIST_VIEW_MEMBERS,
        page_size=page_size,
        freshness=freshness(fresh),
    )


def list_members(
    team: str | MemberRef, scope: Scope, kinds: Kinds, page_size: int, fresh: Freshness | None
) -> pb.ListMembersRequest:
    """The first page of the members."""
    return pb.ListMembersRequest(
        team=reference(team),
        scope=_SCOPES_OUT[scope],
        kinds=_LISTED_OUT[kinds],
        view=pb.LIST_VIEW_MEMBERS,
        page_size=page_size,
        freshness=freshness(fresh),
    )


def explain(
    member: str | MemberRef, team: str | MemberRef, fresh: Freshness | None
) -> pb.ExplainRequest:
    """Why."""
    return pb.ExplainRequest(
        member=reference(member), team=reference(team), freshness=freshness(fresh)
    )


def get_members(
    members: Iterable[str | MemberRef], fresh: Freshness | None
) -> pb.GetMembersRequest:
    """The directory."""
    refs = [reference(member) for member in members]
    return pb.GetMembersRequest(refs=refs, freshness=freshness(fresh))


# Answers.


def _version(wire: version_pb2.Version) -> Version:
    return Version(wire.system_id, wire.timeline, wire.end_lsn, wire.tick)


def answered_at(wire: version_pb2.AnsweredAt) -> AnsweredAt:
    """The state that answered."""
    return AnsweredAt(
        version=_version(wire.version),
        applied_lsn=wire.applied_lsn,
        token=wire.token,
        stale_for_ms=wire.stale_for_ms,
        instance=wire.instance,
        copy=wire.copy,
    )


def member(wire: member_pb2.Member) -> Member:
    """A member."""
    name = wire.name if wire.HasField("name") else None
    return Member(_key(wire.key), name, _known(_KINDS_IN, wire.kind, "kind"))


def _key(wire: member_pb2.MemberKey) -> int | str | UUID:
    match wire.WhichOneof("value"):
        case "id":
            return wire.id
        case "key":
            return wire.key
        case "uuid":
            return UUID(bytes=wire.uuid)
        case _:
            raise UnexpectedAnswer("the server answered a key of a type that is not known here")


def _members(wire: Iterable[member_pb2.Member]) -> tuple[Member, ...]:
    return tuple(member(one) for one in wire)


def check_answer(wire: pb.CheckResponse) -> CheckAnswer:
    """The answer for one pair."""
    return CheckAnswer(
        _known(_RELATIONS_IN, wire.relation, "relation"), answered_at(wire.answered_at)
    )


def batch_answer(wire: pb.BatchCheckResponse) -> BatchAnswer:
    """The answers for many pairs."""
    return BatchAnswer(
        tuple(_check_item(item) for item in wire.results), answered_at(wire.answered_at)
    )


def _check_item(wire: pb.CheckResult) -> CheckItem:
    if wire.HasField("error"):
        return CheckItem(None, wire.error.reason)
    return CheckItem(_known(_RELATIONS_IN, wire.relation, "relation"), None)


def page(wire: pb.ListTeamsResponse | pb.ListMembersResponse) -> Page:
    """A page of either list."""
    return Page(_members(wire.members), answered_at(wire.answered_at))


def explanation(wire: pb.ExplainResponse) -> Explanation:
    """The path."""
    steps = (
        PathStep(member(step.member), _known(_ROLES_IN, step.role, "role")) for step in wire.path
    )
    relation = _known(_RELATIONS_IN, wire.relation, "relation")
    return Explanation(relation, tuple(steps), wire.note, answered_at(wire.answered_at))


def members_answer(wire: pb.GetMembersResponse) -> MembersAnswer:
    """What the directory has."""
    results = (
        MemberItem(None, item.error.reason)
        if item.HasField("error")
        else MemberItem(member(item.member), None)
        for item in wire.results
    )
    return MembersAnswer(tuple(results), answered_at(wire.answered_at))


def status(wire: pb.GetStatusResponse) -> Status:
    """How the server is."""
    return Status(
        product_version=wire.product_version,
        instance=wire.instance,
        answered_at=answered_at(wire.answered_at) if wire.HasField("answered_at") else None,
        source_lsn=wire.source_lsn,
        lag_bytes=wire.lag_bytes,
        lag_transactions=wire.lag_transactions,
        lag_ms=wire.lag_ms,
        feed=Feed(
            state=wire.feed.state,
            error=wire.feed.error,
            slot=wire.feed.slot,
            publication=wire.feed.publication,
            rows_copied=wire.feed.rows_copied,
            retry_in_ms=wire.feed.retry_in_ms,
            reconnects=wire.feed.reconnects,
            copies=wire.feed.copies,
        ),
        sizes=_sizes(wire.sizes) if wire.HasField("sizes") else None,
        cycles=tuple(Cycle(_members(cycle.teams), cycle.team_count) for cycle in wire.cycles),
        digest=Digest(wire.digest.rows, wire.digest.closure) if wire.HasField("digest") else None,
        limits={limit.name: limit.value for limit in wire.limits},
        projection=_projection(wire.projection) if wire.HasField("projection") else None,
    )


def _projection(wire: pb.ProjectionReport) -> Projection:
    return Projection(
        table=wire.table,
        state=wire.state,
        version=_version(wire.version) if wire.HasField("version") else None,
        applied_lsn=wire.applied_lsn,
        lag_ms=wire.lag_ms if wire.HasField("lag_ms") else None,
        retry_in_ms=wire.retry_in_ms,
        error=wire.error,
        error_age_ms=wire.error_age_ms,
    )


def _sizes(wire: pb.GraphSizes) -> Sizes:
    return Sizes(
        people=wire.people,
        teams=wire.teams,
        memberships=wire.memberships,
        rows=wire.rows,
        team_edges=wire.team_edges,
        closure_pairs=wire.closure_pairs,
        closure_materialised=wire.closure_materialised,
        cycles=wire.cycles,
        teams_on_cycles=wire.teams_on_cycles,
        self_memberships=wire.self_memberships,
    )
