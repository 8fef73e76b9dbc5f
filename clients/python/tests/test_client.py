"""The client against a real server."""

import unittest
import uuid
from dataclasses import replace

import psycopg
from psycopg.rows import dict_row

from teamgraph_client import (
    Client,
    ItemRefused,
    Kind,
    Kinds,
    MemberUnknown,
    ReferenceRefused,
    Relation,
    RequestRefused,
    Role,
    Scope,
    ServerUnavailable,
    TokenRefused,
    VersionGone,
    at_least_as_fresh,
    by_id,
    by_key,
    by_name,
    by_uuid,
    exactly,
    read_token,
)
from world import ADDRESS, DATABASE_URL, JOINS, until_ready

PATH = ["alice", "release-admins", "platform", "engineering", "acme"]


class ClientTest(unittest.TestCase):
    client: Client

    @classmethod
    def setUpClass(cls) -> None:
        cls.client = Client(ADDRESS)
        cls.addClassCleanup(cls.client.close)
        until_ready(cls.client)

    def test_check(self) -> None:
        direct = self.client.check("alice", "release-admins")
        self.assertEqual(direct.relation, Relation.DIRECT)
        self.assertTrue(direct)
        self.assertTrue(self.client.check("alice", "acme"))
        self.assertEqual(direct.answered_at.instance, "end_to_end")
        self.assertEqual(direct.answered_at.stale_for_ms, 0)

    def test_administers(self) -> None:
        self.assertTrue(self.client.administers("alice", "release-admins"))
        self.assertFalse(self.client.administers("alice", "acme"))

    def test_a_no_is_false(self) -> None:
        no = self.client.check("carol", "acme")
        self.assertEqual(no.relation, Relation.NONE)
        self.assertFalse(no)
        self.assertFalse(no.relation)
        self.assertFalse(self.client.check("nobody", "acme", lenient=True))

    def test_references(self) -> None:
        alice, acme = self.client.get_members(["alice", by_name("acme", Kind.TEAM)]).results
        assert alice.member is not None and acme.member is not None
        self.assertEqual((alice.member.kind, acme.member.kind), (Kind.PERSON, Kind.TEAM))
        keys = [member.key for member in (alice.member, acme.member)]
        person, team = [by_id(key) for key in keys if isinstance(key, int)]
        self.assertTrue(self.client.check(person, team))
        unknown = [by_uuid(uuid.uuid4()), by_key("alice"), by_name("alice", Kind.TEAM)]
        for item in self.client.get_members(unknown).results:
            self.assertEqual((item.member, item.reason), (None, "MEMBER_UNKNOWN"))

    def test_batch_check(self) -> None:
        pairs = [("alice", "acme"), ("carol", "acme"), ("nobody", "acme")]
        yes, no, unknown = self.client.batch_check(pairs).results
        self.assertEqual((yes.relation, no.relation), (Relation.INDIRECT, Relation.NONE))
        self.assertTrue(yes)
        self.assertFalse(no)
        with self.assertRaises(ItemRefused) as refused:
            bool(unknown)
        self.assertEqual(refused.exception.reason, "MEMBER_UNKNOWN")

    def test_teams_of(self) -> None:
        [page] = self.client.teams_of("alice")
        self.assertEqual({team.name for team in page.members}, set(PATH[1:]))
        [page] = self.client.teams_of("alice", scope=Scope.DIRECT)
        self.assertEqual([team.name for team in page.members], ["release-admins"])

    def test_members_of_goes_through_all_pages(self) -> None:
        pages = list(self.client.members_of("crew", kinds=Kinds.PEOPLE, page_size=10))
        self.assertGreaterEqual(len(pages), 3)
        listed = [member.name for page in pages for member in page.members]
        self.assertEqual(sorted(listed, key=str), [f"crew-{n:02}" for n in range(1, 26)])
        self.assertEqual(len({page.answered_at.version for page in pages}), 1)

    def test_explain(self) -> None:
        answer = self.client.explain("alice", "acme")
        self.assertEqual([step.member.name for step in answer.path], PATH)
        roles = [step.role for step in answer.path]
        self.assertEqual(roles, [Role.ADMIN, Role.MEMBER, Role.MEMBER, Role.MEMBER, None])
        self.assertEqual(answer.note, "")
        no = self.client.explain("carol", "acme")
        self.assertEqual((no.path, no.relation), ((), Relation.NONE))
        self.assertIn("no chain", no.note)

    def test_status(self) -> None:
        status = self.client.status()
        self.assertEqual((status.instance, status.feed.slot), ("end_to_end", "tg_end_to_end"))
        assert status.sizes is not None
        self.assertEqual(status.sizes.cycles, 1)
        assert status.digest is not None
        self.assertEqual((len(status.digest.rows), len(status.digest.closure)), (32, 32))
        self.assertEqual({team.name for team in status.cycles[0].teams}, {"ring-a", "ring-b"})
        self.assertEqual(status.limits["page_members"], 100_000)
        self.assertIsNone(status.projection)

    def test_errors_can_be_acted_on(self) -> None:
        with self.assertRaises(MemberUnknown) as unknown:
            self.client.check("nobody", "acme")
        error = unknown.exception
        self.assertEqual((error.reason, error.metadata["part"]), ("MEMBER_UNKNOWN", "member"))
        self.assertFalse(error.retryable)
        self.assertIn("Check the reference", error.fix)
        self.assertIn("MEMBER_UNKNOWN", str(error))
        with self.assertRaises(ReferenceRefused):
            self.client.check("alice", "carol")
        with self.assertRaises(RequestRefused) as refused:
            next(self.client.members_of("acme", page_size=100_001))
        self.assertEqual(refused.exception.metadata["limit"], "page_members")
        with self.assertRaises(TokenRefused):
            self.client.check("alice", "acme", freshness=at_least_as_fresh("soon"))
        now = self.client.check("alice", "acme").answered_at.version
        with self.assertRaises(VersionGone):
            self.client.check("alice", "acme", freshness=exactly(replace(now, end_lsn=1)))
        with self.assertRaises(TokenRefused):
            self.client.check("alice", "acme", freshness=exactly(replace(now, system_id=1)))

    def test_no_server(self) -> None:
        with Client("127.0.0.1:1") as nowhere, self.assertRaises(ServerUnavailable) as away:
            nowhere.status()
        self.assertTrue(away.exception.retryable)
        self.assertIsNone(away.exception.reason)

    def test_a_token_after_a_commit_covers_it(self) -> None:
        with psycopg.connect(DATABASE_URL, row_factory=dict_row) as database:
            database.execute(JOINS, {"name": "erin"})
            with self.assertRaises(ValueError):
                read_token(database)
            database.commit()
            token = read_token(database)
            idle = psycopg.pq.TransactionStatus.IDLE
            self.assertEqual(database.info.transaction_status, idle)
        answer = self.client.check("erin", "acme", freshness=at_least_as_fresh(token))
        self.assertTrue(answer)
        again = exactly(answer.answered_at.version)
        self.assertTrue(self.client.check("erin", "acme", freshness=again))
        onward = at_least_as_fresh(answer.answered_at.token, max_wait_ms=0)
        self.assertTrue(self.client.check("erin", "acme", freshness=onward))
