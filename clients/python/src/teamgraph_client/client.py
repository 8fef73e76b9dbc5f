"""The client for ordinary code.

Owns the connection and the calls. What goes out and comes back is made by `convert`.
"""

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any

import grpc

from teamgraph_client import convert, errors, transport
from teamgraph_client._wire import participation_service_pb2 as pb
from teamgraph_client.answers import (
    BatchAnswer,
    CheckAnswer,
    Explanation,
    Kinds,
    MembersAnswer,
    Page,
    Scope,
    Status,
)
from teamgraph_client.questions import Freshness, MemberRef
from teamgraph_client.transport import DEFAULT_TIMEOUT_S, Answer, Method, Request


class Client:
    """Asks one server, over one connection. May be shared between threads.

    Where a member or a team is asked for, plain text is its directory name; `by_id`, `by_uuid` and
    `by_key` name it by its key. Every method raises `TeamgraphError`.
    """

    def __init__(self, address: str) -> None:
        """Connects at the first call, to HOST:PORT, without TLS."""
        self._channel = grpc.insecure_channel(address, options=transport.OPTIONS)
        self._calls: dict[str, grpc.UnaryUnaryMultiCallable[Any, Any]] = {
            method.path: self._channel.unary_unary(
                method.path,
                request_serializer=method.request.SerializeToString,
                response_deserializer=method.answer.FromString,
            )
            for method in transport.METHODS
        }

    def close(self) -> None:
        """Ends the connection. The client is of no use afterwards."""
        self._channel.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _ask(self, method: Method[Request, Answer], request: Request, timeout_s: float) -> Answer:
        try:
            answer: Answer = self._calls[method.path](request, timeout=timeout_s)
        except grpc.RpcError as error:
            raise _of_rpc(error) from None
        return answer

    def check(
        self,
        member: str | MemberRef,
        team: str | MemberRef,
        *,
        lenient: bool = False,
        freshness: Freshness | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> CheckAnswer:
        """Whether the member participates in the team.

        With `lenient`, a member or team that does not exist is a no and not an error.
        """
        request = convert.check(member, team, lenient, freshness)
        return convert.check_answer(self._ask(transport.CHECK, request, timeout_s))

    def administers(
        self,
        member: str | MemberRef,
        team: str | MemberRef,
        *,
        lenient: bool = False,
        freshness: Freshness | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> CheckAnswer:
        """Whether the member may administer the team; otherwise as `check`."""
        request = convert.administers(member, team, lenient, freshness)
        return convert.check_answer(self._ask(transport.CHECK, request, timeout_s))

    def batch_check(
        self,
        pairs: Iterable[tuple[str | MemberRef, str | MemberRef]],
        *,
        lenient: bool = False,
        freshness: Freshness | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> BatchAnswer:
        """Whether each pair's member participates in its team, all at one version."""
        request = convert.batch(pairs, lenient, freshness)
        return convert.batch_answer(self._ask(transport.BATCH_CHECK, request, timeout_s))

    def teams_of(
        self,
        member: str | MemberRef,
        *,
        scope: Scope = Scope.ALL,
        page_size: int = 0,
        freshness: Freshness | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> Iterator[Page]:
        """The teams that the member is in, page by page: a call for each, when it is drawn.

        A page size of 0 is the server's. The deadline is each call's.
        """
        request: pb.ListTeamsRequest = convert.list_teams(member, scope, page_size, freshness)
        while True:
            answer = self._ask(transport.LIST_TEAMS, request, timeout_s)
            yield convert.page(answer)
            if not answer.next_page_token:
                return
            request.page_token = answer.next_page_token

    def members_of(
        self,
        team: str | MemberRef,
        *,
        scope: Scope = Scope.ALL,
        kinds: Kinds = Kinds.ALL,
        page_size: int = 0,
        freshness: Freshness | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> Iterator[Page]:
        """The team's members, page by page: a call for each, when it is drawn.

        A page size of 0 is the server's. The deadline is each call's.
        """
        request = convert.list_members(team, scope, kinds, page_size, freshness)
        while True:
            answer = self._ask(transport.LIST_MEMBERS, request, timeout_s)
            yield convert.page(answer)
            if not answer.next_page_token:
                return
            request.page_token = answer.next_page_token

    def explain(
        self,
        member: str | MemberRef,
        team: str | MemberRef,
        *,
        freshness: Freshness | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> Explanation:
        """Why the member participates in the team: the shortest path of direct memberships."""
        request = convert.explain(member, team, freshness)
        return convert.explanation(self._ask(transport.EXPLAIN, request, timeout_s))

    def get_members(
        self,
        members: Iterable[str | MemberRef],
        *,
        freshness: Freshness | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> MembersAnswer:
        """What the directory has of each."""
        request = convert.get_members(members, freshness)
        return convert.members_answer(self._ask(transport.GET_MEMBERS, request, timeout_s))

    def status(self, *, timeout_s: float = DEFAULT_TIMEOUT_S) -> Status:
        """How the server is."""
        return convert.status(self._ask(transport.GET_STATUS, pb.GetStatusRequest(), timeout_s))


def _of_rpc(error: grpc.RpcError) -> errors.TeamgraphError:
    # What a blocking call raises is the call, too, and that is who knows how it ended.
    if not isinstance(error, grpc.Call):
        return errors.TeamgraphError(grpc.StatusCode.UNKNOWN, str(error))
    return errors.of_call(error.code(), error.details(), error.trailing_metadata())
