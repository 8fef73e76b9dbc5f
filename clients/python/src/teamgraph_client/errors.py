"""What can go wrong, as exceptions that a program can act on.

Owns the exceptions, and which reason of the server's becomes which of them. The reasons are those
of docs/errors.md; one that this package does not know yet is a plain `TeamgraphError`.
"""

from collections.abc import Iterable, Mapping

import grpc
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

DOMAIN = "teamgraph"
_DETAILS = "grpc-status-details-bin"


class TeamgraphError(Exception):
    """A question that has no answer."""

    #: The word of docs/errors.md; None where the transport failed and the server said nothing.
    reason: str | None
    code: grpc.StatusCode
    message: str
    #: What the caller can do.
    fix: str
    #: Whether the same question may succeed later.
    retryable: bool
    #: The values that it happened with.
    metadata: Mapping[str, str]

    def __init__(
        self,
        code: grpc.StatusCode,
        message: str,
        reason: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        self.code = code
        self.message = message
        self.reason = reason
        self.metadata = dict(metadata or {})
        self.fix = self.metadata.pop("fix", "")
        # A deadline that passed, or a server that is not there, says nothing of the next time.
        unsaid = code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
        said = self.metadata.pop("retryable", None)
        self.retryable = unsaid if said is None else said == "true"
        text = f"{reason or code.name}: {message}"
        super().__init__(f"{text} (fix: {self.fix})" if self.fix else text)


class ServerUnavailable(TeamgraphError):
    """No server answers, or it has nothing to answer from yet, or it is about to end."""


class DeadlineExceeded(TeamgraphError):
    """The deadline passed before there was an answer."""


class NotFresh(TeamgraphError):
    """The server does not know the source up to the token yet, and did not in time."""


class TokenRefused(TeamgraphError):
    """The token is malformed, of another database, or of a position that was never written."""


class VersionGone(TeamgraphError):
    """The version is no longer kept: ask for the newest, or start the list again."""


class MemberUnknown(TeamgraphError):
    """There is no such member, or no such team."""


class ReferenceRefused(TeamgraphError):
    """The reference names a person where a team must be, several members, or none by its form."""


class RequestRefused(TeamgraphError):
    """The server cannot take the question: it passes a limit, or contradicts itself."""


class ItemRefused(Exception):
    """One item of a batch has no answer; the reason is a word of docs/errors.md."""

    reason: str

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"{reason}: this item of the batch has no answer")


class UnexpectedAnswer(Exception):
    """The server answered what this package cannot read: it may be newer than the package."""


REASONS: Mapping[str, type[TeamgraphError]] = {
    "NOT_READY": ServerUnavailable,
    "SHUTTING_DOWN": ServerUnavailable,
    "FEED_DOWN": NotFresh,
    "TOO_STALE": ServerUnavailable,
    "NOT_YET_FRESH": NotFresh,
    "DEADLINE_PASSED": DeadlineExceeded,
    "TOO_MANY_WAITERS": NotFresh,
    "LSN_FROM_FUTURE": TokenRefused,
    "TOKEN_FROM_OTHER_HISTORY": TokenRefused,
    "TOKEN_MALFORMED": TokenRefused,
    "VERSION_NOT_KEPT": VersionGone,
    "PAGE_TOKEN_EXPIRED": VersionGone,
    "MEMBER_UNKNOWN": MemberUnknown,
    "TEAM_UNKNOWN": MemberUnknown,
    "NOT_A_TEAM": ReferenceRefused,
    "AMBIGUOUS_MEMBER": ReferenceRefused,
    "REFERENCE_MALFORMED": ReferenceRefused,
    "VALUE_UNKNOWN": RequestRefused,
    "ARGUMENTS_CONFLICT": RequestRefused,
    "LIMIT_EXCEEDED": RequestRefused,
    "PATH_TOO_LONG": RequestRefused,
    "PAGE_TOKEN_MALFORMED": RequestRefused,
    "PAGE_TOKEN_MISMATCH": RequestRefused,
    "REQUEST_UNREADABLE": RequestRefused,
    "METHOD_UNKNOWN": RequestRefused,
    "INTERNAL": TeamgraphError,
    # Of the operator's runs, which this package does not start.
    "ALREADY_RUNNING": TeamgraphError,
    "INCONCLUSIVE": TeamgraphError,
    "NOT_REBUILT": TeamgraphError,
    "SOURCE_UNUSABLE": TeamgraphError,
}

_TRANSPORT: Mapping[grpc.StatusCode, type[TeamgraphError]] = {
    grpc.StatusCode.UNAVAILABLE: ServerUnavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
}


def of_call(
    code: grpc.StatusCode,
    message: str | None,
    trailing: Iterable[tuple[str, str | bytes]] | None,
) -> TeamgraphError:
    """The exception for how a call ended."""
    info = _error_info(trailing or ())
    if info is None:
        return _TRANSPORT.get(code, TeamgraphError)(code, message or "")
    kind = REASONS.get(info.reason, TeamgraphError)
    return kind(code, message or "", info.reason, info.metadata)


def _error_info(trailing: Iterable[tuple[str, str | bytes]]) -> ErrorInfo | None:
    for name, value in trailing:
        if name != _DETAILS or not isinstance(value, bytes):
            continue
        for detail in Status.FromString(value).details:
            info = ErrorInfo()
            if detail.Unpack(info) and info.domain == DOMAIN:
                return info
    return None
