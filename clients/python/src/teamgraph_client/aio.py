"""The client for asyncio.

Owns the connection, the calls, and many calls at once. What goes out and comes back is made by
`convert`.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable
from types import TracebackType
from typing import Any, TypeVar

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

Result = TypeVar("Result")

#: How many calls `gather` has under way at once: what HTTP/2 allows on a connection unasked.
CONCURRENCY_MAX = 100


class AsyncClient:
    """Asks one server, over one connection, within one event loop.

    As `Client`, method by method. Must be made where the event loop runs.
    """

    def __init__(self, address: str) -> None:
        """Connects at the first call, to HOST:PORT, without TLS."""
        self._channel = grpc.aio.insecure_channel(address, options=transport.OPTIONS)
        self._calls: dict[str, grpc.aio.UnaryUnaryMultiCallable[Any, Any]] = {
            method.path: self._channel.unary_unary(
                method.path,
                request_serializer=method.request.SerializeToString,
                response_deserializer=method.answer.FromString,
            )
            for method in transport.METHODS
        }

    async def close(self) -> None:
        """Ends the connection. The client is of no use afterwards."""
        await self._channel.close()

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _ask(
        self, method: Method[Request, Answer], request: Request, timeout_s: float
    ) -> Answer:
        try:
            answer: Answer = await self._calls[method.path](request, timeout=timeout_s)
        except grpc.aio.AioRpcError as error:
            raise errors.of_call(
                error.code(), error.details(), error.trailing_metadata()
            ) from None
        return answer

    async def gather(
        self,
        calls: Iterable[Coroutine[Any, Any, Result]],
        *,
        concurrency_max: int = CONCURRENCY_MAX,
    ) -> list[Result]:
        """The answers to many calls, in their order, so many at once and no more.

            await client.gather(client.check(name, "release-admins") for name in names)

        Calls are drawn from the iterable as their turn comes. The first that fails ends it all.
        """
        if concurrency_max < 1:
            raise ValueError("concurrency_max must be at least 1")
        waiting = enumerate(calls)
        answers: dict[int, Result] = {}

        async def work() -> None:
            for index, call in waiting:
                answers[index] = await call

        workers = [asyncio.ensure_future(work()) for _ in range(concurrency_max)]
        try:
            await asyncio.gather(*workers)
        except BaseException:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            # Those whose turn never came: else Python complains that they were not awaited.
            for _, call in waiting:
                call.close()
            raise
        return [answers[index] for index in range(len(answers))]

    async def check(
        self,
        member: str | MemberRef,
        team: str | MemberRef,
        *,
        lenient: bool = False,
        freshness: Freshness | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> CheckAnswer:
        """As `Client.check`."""
        request = convert.check(member, team, lenient, freshness)
        return convert.check_answer(await self._ask(transport.CHECK, request, timeout_s))

    async def administers(
        self,
        member: str | MemberRef,
        team: str | MemberRef,
        *,
        lenient: bool = False,
        freshness: Freshness | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> CheckAnswer:
        """As `Client.administers`."""
        request = convert.administers(member, team, lenient, freshness)
        return convert.check_answer(await self._ask(transport.CHECK, request, timeout_s))

    async def batch_check(
        self,
        pairs: Iterable[tuple[str | MemberRef, str | MemberRef]],
        *,
        lenient: bool = False,
        freshness: Freshness | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> BatchAnswer:
        """As `Client.batch_check`."""
        request = convert.batch(pairs, lenient, freshness)
        return convert.batch_answer(await self._ask(transport.BATCH_CHECK, request, timeout_s))

    async def teams_of(
        self,
        member: str | MemberRef,
        *,
        scope: Scope = Scope.ALL,
        page_size: int = 0,
        freshness: Freshness | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> AsyncIterator[Page]:
        """As `Client.teams_of`, for `async for`."""
        request = convert.list_teams(member, scope, page_size, freshness)
        while True:
            answer = await self._ask(transport.LIST_TEAMS, request, timeout_s)
            yield convert.page(answer)
            if not answer.next_page_token:
                return
            request.page_token = answer.next_page_token

    async def members_of(
        self,
        team: str | MemberRef,
        *,
        scope: Scope = Scope.ALL,
        kinds: Kinds = Kinds.ALL,
        page_size: int = 0,
        freshness: Freshness | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> AsyncIterator[Page]:
        """As `Client.members_of`, for `async for`."""
        request = convert.list_members(team, scope, kinds, page_size, freshness)
        while True:
            answer = await self._ask(transport.LIST_MEMBERS, request, timeout_s)
            yield convert.page(answer)
            if not answer.next_page_token:
                return
            request.page_token = answer.next_page_token

    async def explain(
        self,
        member: str | MemberRef,
        team: str | MemberRef,
        *,
        freshness: Freshness | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> Explanation:
        """As `Client.explain`."""
        request = convert.explain(member, team, freshness)
        return convert.explanation(await self._ask(transport.EXPLAIN, request, timeout_s))

    async def get_members(
        self,
        members: Iterable[str | MemberRef],
        *,
        freshness: Freshness | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> MembersAnswer:
        """As `Client.get_members`."""
        request = convert.get_members(members, freshness)
        return convert.members_answer(await self._ask(transport.GET_MEMBERS, request, timeout_s))

    async def status(self, *, timeout_s: float = DEFAULT_TIMEOUT_S) -> Status:
        """As `Client.status`."""
        request = pb.GetStatusRequest()
        return convert.status(await self._ask(transport.GET_STATUS, request, timeout_s))
