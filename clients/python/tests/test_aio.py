"""The client for asyncio against a real server."""

import asyncio
import inspect
import unittest

import psycopg

from teamgraph_client import (
    AsyncClient,
    Client,
    MemberUnknown,
    Relation,
    at_least_as_fresh,
    read_token_async,
)
from world import ADDRESS, DATABASE_URL, JOINS, until_ready


class AsyncClientTest(unittest.IsolatedAsyncioTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        with Client(ADDRESS) as client:
            until_ready(client)

    async def asyncSetUp(self) -> None:
        self.client = AsyncClient(ADDRESS)
        self.addAsyncCleanup(self.client.close)

    async def test_each_call(self) -> None:
        client = self.client
        self.assertTrue(await client.check("alice", "acme"))
        self.assertFalse(await client.administers("alice", "acme"))
        [yes, no] = (await client.batch_check([("alice", "acme"), ("carol", "acme")])).results
        self.assertEqual((yes.relation, no.relation), (Relation.INDIRECT, Relation.NONE))
        explained = await client.explain("alice", "platform")
        path = [step.member.name for step in explained.path]
        self.assertEqual(path, ["alice", "release-admins", "platform"])
        [found] = (await client.get_members(["alice"])).results
        assert found.member is not None
        self.assertEqual(found.member.name, "alice")
        self.assertEqual((await client.status()).feed.state, "streaming")
        teams = [team.name async for page in client.teams_of("carol") for team in page.members]
        self.assertEqual(set(teams), {"ring-a", "ring-b"})
        pages = [page async for page in client.members_of("crew", page_size=10)]
        self.assertEqual(sum(len(page.members) for page in pages), 25)
        self.assertGreaterEqual(len(pages), 3)

    async def test_errors_are_the_same(self) -> None:
        with self.assertRaises(MemberUnknown) as unknown:
            await self.client.check("nobody", "acme")
        self.assertEqual(unknown.exception.reason, "MEMBER_UNKNOWN")

    async def test_gather_keeps_order(self) -> None:
        names = [f"crew-{n:02}" for n in range(1, 26)] + ["carol"]
        calls = (self.client.check(name, "acme") for name in names * 20)
        answers = await self.client.gather(calls, concurrency_max=7)
        self.assertEqual([bool(answer) for answer in answers], ([True] * 25 + [False]) * 20)

    async def test_gather_never_has_more_under_way(self) -> None:
        under_way, most = 0, 0

        async def call(number: int) -> int:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0)
            under_way -= 1
            return number

        answers = await self.client.gather((call(n) for n in range(50)), concurrency_max=3)
        self.assertEqual(answers, list(range(50)))
        self.assertEqual(most, 3)
        self.assertEqual(await self.client.gather([call(1)], concurrency_max=3), [1])

    async def test_the_first_failure_ends_a_gather(self) -> None:
        names = ["alice", "nobody"] + ["alice"] * 500
        calls = [self.client.check(name, "acme") for name in names]
        with self.assertRaises(MemberUnknown):
            await self.client.gather(calls, concurrency_max=2)
        # A coroutine that is neither awaited nor closed would be warned of, which is an error here.
        self.assertEqual({inspect.getcoroutinestate(call) for call in calls}, {inspect.CORO_CLOSED})

    async def test_a_token_after_a_commit_covers_it(self) -> None:
        async with await psycopg.AsyncConnection.connect(DATABASE_URL) as database:
            await database.execute(JOINS, {"name": "frank"})
            with self.assertRaises(ValueError):
                await read_token_async(database)
            await database.commit()
            token = await read_token_async(database)
        fresh = at_least_as_fresh(token)
        self.assertTrue(await self.client.check("frank", "acme", freshness=fresh))
