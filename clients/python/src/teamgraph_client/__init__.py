"""Asks a Teamgraph server who participates in which team.

    from teamgraph_client import Client

    with Client("127.0.0.1:7420") as client:
        if client.check("alice", "release-admins"):
            ...

Each method is one question to the server, and is named after it; nothing is asked behind the
caller's back, cached, or guessed. `AsyncClient` has the same methods for asyncio.
"""

from teamgraph_client.aio import CONCURRENCY_MAX, AsyncClient
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
from teamgraph_client.client import Client
from teamgraph_client.errors import (
    DeadlineExceeded,
    ItemRefused,
    MemberUnknown,
    NotFresh,
    ReferenceRefused,
    RequestRefused,
    ServerUnavailable,
    TeamgraphError,
    TokenRefused,
    UnexpectedAnswer,
    VersionGone,
)
from teamgraph_client.questions import (
    Freshness,
    MemberRef,
    at_least_as_fresh,
    by_id,
    by_key,
    by_name,
    by_uuid,
    exactly,
)
from teamgraph_client.token import read_token, read_token_async
from teamgraph_client.transport import DEFAULT_TIMEOUT_S

__all__ = [
    "CONCURRENCY_MAX",
    "DEFAULT_TIMEOUT_S",
    "AnsweredAt",
    "AsyncClient",
    "BatchAnswer",
    "CheckAnswer",
    "CheckItem",
    "Client",
    "Cycle",
    "DeadlineExceeded",
    "Digest",
    "Explanation",
    "Feed",
    "Freshness",
    "ItemRefused",
    "Kind",
    "Kinds",
    "Member",
    "MemberItem",
    "MemberRef",
    "MemberUnknown",
    "MembersAnswer",
    "NotFresh",
    "Page",
    "PathStep",
    "Projection",
    "ReferenceRefused",
    "Relation",
    "RequestRefused",
    "Role",
    "Scope",
    "ServerUnavailable",
    "Sizes",
    "Status",
    "TeamgraphError",
    "TokenRefused",
    "UnexpectedAnswer",
    "Version",
    "VersionGone",
    "at_least_as_fresh",
    "by_id",
    "by_key",
    "by_name",
    "by_uuid",
    "exactly",
    "read_token",
    "read_token_async",
]
