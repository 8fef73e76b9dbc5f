"""Who is meant, and how fresh the answer must be.

Owns the types of which questions are made. It must not know the wire.
"""

from dataclasses import dataclass
from uuid import UUID

from teamgraph_client.answers import Kind, Version


@dataclass(frozen=True, slots=True)
class MemberRef:
    """Names a member. Made by `by_name`, `by_id`, `by_uuid` and `by_key`."""

    #: The field of the wire's MemberRef that carries the value.
    field: str
    value: int | str | bytes
    #: The kind that it must be; None means whichever.
    kind: Kind | None = None


def by_name(name: str, kind: Kind | None = None) -> MemberRef:
    """The member of this directory name, exactly as the source spells it."""
    return MemberRef("name", name, kind)


def by_id(key: int, kind: Kind | None = None) -> MemberRef:
    """The member of this key, where the source's keys are integers."""
    return MemberRef("id", key, kind)


def by_uuid(key: UUID, kind: Kind | None = None) -> MemberRef:
    """The member of this key, where the source's keys are uuids."""
    return MemberRef("uuid", key.bytes, kind)


def by_key(key: str, kind: Kind | None = None) -> MemberRef:
    """The member of this key, where the source's keys are text."""
    return MemberRef("key", key, kind)


@dataclass(frozen=True, slots=True)
class Freshness:
    """Which version may answer. Made by `at_least_as_fresh` and `exactly`."""

    at: str | Version
    max_wait_ms: int | None = None


def at_least_as_fresh(token: str, max_wait_ms: int | None = None) -> Freshness:
    """The answer knows every change committed before the token was made, or there is an error.

    Waits for up to `max_wait_ms` (the server's default: 5,000), and never past the call's deadline.
    """
    return Freshness(token, max_wait_ms)


def exactly(version: Version) -> Freshness:
    """This version, which must still be kept."""
    return Freshness(version)
