"""Asks a running server each call of the API, as a stranger would: stubs from proto/, grpcio.

TEAMGRAPH_ADDRESS and TEAMGRAPH_DATABASE_URL name the server and its database, which holds
members.csv and memberships.csv of this directory. Started by tests/it/end_to_end.rs.
"""

import importlib
import os
import sys
import tempfile
import unittest
from pathlib import Path

import grpc
import psycopg
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from grpc_tools import protoc

ADDRESS = os.environ["TEAMGRAPH_ADDRESS"]
DATABASE_URL = os.environ["TEAMGRAPH_DATABASE_URL"]
PROTO = Path(__file__).resolve().parents[2] / "proto"
SERVICE = "teamgraph.v1.ParticipationService"

# A call that takes longer has hung.
DEADLINE_S = 20.0
# The server copies 36 members; the slot's creation may wait for a checkpoint or two.
READY_S = 60.0


def generate(directory: str) -> None:
    """Compiles proto/ into the directory, and makes it importable."""
    files = [str(path) for path in sorted(PROTO.glob("teamgraph/v1/*.proto"))]
    outputs = [f"--python_out={directory}", f"--grpc_python_out={directory}"]
    if protoc.main(["protoc", f"-I{PROTO}", *outputs, *files]) != 0:
        raise SystemExit("proto/ does not compile")
    sys.path.insert(0, directory)


generated = tempfile.TemporaryDirectory()
unittest.addModuleCleanup(generated.cleanup)
generate(generated.name)
member_pb = importlib.import_module("teamgraph.v1.member_pb2")
version_pb = importlib.import_module("teamgraph.v1.version_pb2")
pb = importlib.import_module("teamgraph.v1.participation_service_pb2")
pb_grpc = importlib.import_module("teamgraph.v1.participation_service_pb2_grpc")


def named(name: str):
    return member_pb.MemberRef(name=name)


def names(members) -> set[str]:
    return {member.name for member in members}


def error_info(error: grpc.RpcError) -> error_details_pb2.ErrorInfo:
    """The one ErrorInfo of an error."""
    metadata = dict(error.trailing_metadata())
    status = status_pb2.Status.FromString(metadata["grpc-status-details-bin"])
    info = error_details_pb2.ErrorInfo()
    for detail in status.details:
        if detail.Unpack(info):
            return info
    raise AssertionError(f"no ErrorInfo in {status}")


class EndToEnd(unittest.TestCase):
    channel: grpc.Channel
    # The methods that were asked, by name.
    asked: set[str] = set()

    @classmethod
    def setUpClass(cls) -> None:
        cls.channel = grpc.insecure_channel(ADDRESS)
        cls.addClassCleanup(cls.channel.close)
        cls.stub = pb_grpc.ParticipationServiceStub(cls.channel)
        # The stream of health tells each change, so nothing is polled.
        health = health_pb2_grpc.HealthStub(cls.channel)
        watched = health.Watch(health_pb2.HealthCheckRequest(service=SERVICE), timeout=READY_S)
        for answer in watched:
            if answer.status == health_pb2.HealthCheckResponse.SERVING:
                break
        watched.cancel()

    @classmethod
    def tearDownClass(cls) -> None:
        service = pb.DESCRIPTOR.services_by_name["ParticipationService"]
        not_asked = {method.name for method in service.methods} - cls.asked
        if not_asked and not sys.argv[1:]:
            raise AssertionError(f"no test asks {not_asked}")

    def ask(self, method: str, request):
        """The answer to a request, or the answers to a stream of them."""
        self.asked.add(method)
        return getattr(self.stub, method)(request, timeout=DEADLINE_S)

    def refused(self, method: str, request) -> tuple[grpc.StatusCode, error_details_pb2.ErrorInfo]:
        with self.assertRaises(grpc.RpcError) as raised:
            self.ask(method, request)
        return raised.exception.code(), error_info(raised.exception)

    def check(self, member: str, team: str, **more):
        request = pb.CheckRequest(member=named(member), team=named(team), **more)
        return self.ask("Check", request)

    def test_health_is_serving(self) -> None:
        health = health_pb2_grpc.HealthStub(self.channel)
        for service in ("", SERVICE):
            request = health_pb2.HealthCheckRequest(service=service)
            answer = health.Check(request, timeout=DEADLINE_S)
            self.assertEqual(answer.status, health_pb2.HealthCheckResponse.SERVING)

    def test_reflection_lists_the_service(self) -> None:
        # The messages of v1 and v1alpha are the same on the wire; grpcio ships v1alpha's alone.
        ask = self.channel.stream_stream(
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        requests = [
            reflection_pb2.ServerReflectionRequest(list_services=""),
            reflection_pb2.ServerReflectionRequest(file_containing_symbol=SERVICE),
        ]
        listed, described = ask(iter(requests), timeout=DEADLINE_S)
        services = {service.name for service in listed.list_services_response.service}
        self.assertLessEqual({SERVICE, "grpc.health.v1.Health"}, services)
        files = described.file_descriptor_response.file_descriptor_proto
        self.assertTrue(any(b"ParticipationService" in file for file in files))

    def test_check_tells_the_relation(self) -> None:
        for member, team, relation in [
            ("alice", "release-admins", member_pb.RELATION_DIRECT),
            ("alice", "acme", member_pb.RELATION_INDIRECT),
            ("acme", "acme", member_pb.RELATION_SELF),
            ("carol", "ring-b", member_pb.RELATION_INDIRECT),
            ("carol", "acme", member_pb.RELATION_NONE),
        ]:
            with self.subTest(member=member, team=team):
                answer = self.check(member, team)
                self.assertEqual(answer.relation, relation)
                self.assertEqual(answer.answered_at.instance, "end_to_end")
                self.assertGreater(answer.answered_at.version.end_lsn, 0)

    def test_lenient_turns_the_unknown_into_a_no(self) -> None:
        answer = self.check("nobody", "acme", lenient=True)
        self.assertEqual(answer.relation, member_pb.RELATION_NONE)

    def test_batch_check_answers_each_pair(self) -> None:
        pairs = [("alice", "acme"), ("elsa.campos", "release-admins"), ("nobody", "acme")]
        pairs = [pb.CheckPair(member=named(m), team=named(t)) for m, t in pairs]
        answer = self.ask("BatchCheck", pb.BatchCheckRequest(pairs=pairs))
        yes, no, unknown = answer.results
        self.assertEqual(yes.relation, member_pb.RELATION_INDIRECT)
        self.assertEqual(no.relation, member_pb.RELATION_NONE)
        self.assertEqual(unknown.error.reason, "MEMBER_UNKNOWN")

    def test_batch_check_takes_packed_keys(self) -> None:
        looked_up = [named(name) for name in ("alice", "elsa.campos", "carol", "acme")]
        results = self.ask("GetMembers", pb.GetMembersRequest(refs=looked_up)).results
        *people, acme = [result.member.key.id for result in results]
        packed = pb.PackedPairs(member_ids=[*people, -1], team_ids=[acme])
        answer = self.ask("BatchCheck", pb.BatchCheckRequest(packed_pairs=packed))
        self.assertEqual(answer.packed_results.participates, bytes([0b0011]))
        [unknown] = answer.packed_results.errors
        self.assertEqual((unknown.index, unknown.error.reason), (3, "MEMBER_UNKNOWN"))

    def test_check_tells_who_administers(self) -> None:
        asked = pb.ASKED_RELATION_ADMINISTRATOR
        yes = self.check("alice", "release-admins", relation=asked)
        self.assertEqual(yes.relation, member_pb.RELATION_DIRECT)
        no = self.check("alice", "platform", relation=asked)
        self.assertEqual(no.relation, member_pb.RELATION_NONE)

    def test_stream_checks_answers_in_order(self) -> None:
        questions = [
            pb.StreamChecksRequest(id=7, member=named("alice"), team=named("acme")),
            pb.StreamChecksRequest(id=5, member=named("nobody"), team=named("acme")),
            pb.StreamChecksRequest(id=6, member=named("carol"), team=named("acme")),
        ]
        answers = list(self.ask("StreamChecks", iter(questions)))
        self.assertEqual([answer.id for answer in answers], [7, 5, 6])
        yes, unknown, no = answers
        self.assertEqual(yes.relation, member_pb.RELATION_INDIRECT)
        self.assertEqual(unknown.error.reason, "MEMBER_UNKNOWN")
        self.assertEqual(no.relation, member_pb.RELATION_NONE)
        self.assertGreater(yes.answered_at.version.end_lsn, 0)

    def test_batches_of_lists(self) -> None:
        members = [named("alice"), named("nobody"), named("carol")]
        request = pb.BatchListTeamsRequest(members=members)
        answer = self.ask("BatchListTeams", request)
        self.assertEqual(list(answer.counts), [4, 0, 2])
        self.assertEqual(len(answer.keys.ids), 6)
        [unknown] = answer.errors
        self.assertEqual((unknown.index, unknown.error.reason), (1, "MEMBER_UNKNOWN"))

        request = pb.BatchListMembersRequest(
            teams=[named("crew"), named("empty")], view=pb.LIST_VIEW_MEMBERS
        )
        answer = self.ask("BatchListMembers", request)
        self.assertEqual(list(answer.counts), [25, 0])
        self.assertEqual(names(answer.members), {f"crew-{n:02}" for n in range(1, 26)})

    def test_counts(self) -> None:
        answer = self.ask("CountTeams", pb.CountTeamsRequest(member=named("alice")))
        self.assertEqual(answer.count, 4)
        request = pb.CountMembersRequest(team=named("crew"), kinds=pb.LIST_KINDS_PEOPLE)
        self.assertEqual(self.ask("CountMembers", request).count, 25)

    def test_stream_members_gives_all_of_one_version(self) -> None:
        request = pb.StreamMembersRequest(
            team=named("crew"), view=pb.LIST_VIEW_MEMBERS, chunk_size=10
        )
        chunks = list(self.ask("StreamMembers", request))
        self.assertGreaterEqual(len(chunks), 3)
        listed = [member.name for chunk in chunks for member in chunk.members]
        self.assertEqual(len(listed), 25)
        self.assertEqual(set(listed), {f"crew-{n:02}" for n in range(1, 26)})
        self.assertGreater(chunks[0].answered_at.version.end_lsn, 0)

    def test_list_teams(self) -> None:
        request = pb.ListTeamsRequest(member=named("alice"), view=pb.LIST_VIEW_MEMBERS)
        answer = self.ask("ListTeams", request)
        teams = {"release-admins", "platform", "engineering", "acme"}
        self.assertEqual(names(answer.members), teams)
        request.scope = pb.LIST_SCOPE_DIRECT
        self.assertEqual(names(self.ask("ListTeams", request).members), {"release-admins"})

    def test_list_members_by_pages_of_one_version(self) -> None:
        request = pb.ListMembersRequest(
            team=named("acme"),
            kinds=pb.LIST_KINDS_PEOPLE,
            view=pb.LIST_VIEW_MEMBERS,
            page_size=10,
        )
        pages = []
        while True:
            pages.append(self.ask("ListMembers", request))
            request.page_token = pages[-1].next_page_token
            if not request.page_token:
                break
        self.assertGreaterEqual(len(pages), 3)
        listed = [member.name for page in pages for member in page.members]
        crew = {f"crew-{number:02}" for number in range(1, 26)}
        self.assertEqual(len(listed), 27)
        self.assertEqual(set(listed), crew | {"alice", "elsa.campos"})
        versions = {page.answered_at.version.SerializeToString() for page in pages}
        self.assertEqual(len(versions), 1)

        request.page_token = pages[0].next_page_token
        request.team.CopyFrom(named("crew"))
        code, info = self.refused("ListMembers", request)
        self.assertEqual(code, grpc.StatusCode.INVALID_ARGUMENT)
        self.assertEqual(info.reason, "PAGE_TOKEN_MISMATCH")

    def test_list_members_by_keys(self) -> None:
        answer = self.ask("ListMembers", pb.ListMembersRequest(team=named("ring-a")))
        self.assertEqual(len(answer.keys.ids), 2, answer)
        answer = self.ask("ListMembers", pb.ListMembersRequest(team=named("empty")))
        self.assertEqual((list(answer.keys.ids), answer.next_page_token), ([], ""))

    def test_explain_shows_the_shortest_path(self) -> None:
        request = pb.ExplainRequest(member=named("alice"), team=named("acme"))
        answer = self.ask("Explain", request)
        path = ["alice", "release-admins", "platform", "engineering", "acme"]
        self.assertEqual([step.member.name for step in answer.path], path)
        self.assertEqual(answer.path[0].role, member_pb.ROLE_ADMIN)
        self.assertEqual(answer.path[1].role, member_pb.ROLE_MEMBER)
        self.assertEqual(answer.relation, member_pb.RELATION_INDIRECT)
        request = pb.ExplainRequest(member=named("carol"), team=named("acme"))
        answer = self.ask("Explain", request)
        self.assertEqual(answer.why_not, pb.WHY_NOT_NO_CHAIN)
        self.assertEqual(list(answer.path), [])

    def test_get_members(self) -> None:
        request = pb.GetMembersRequest(refs=[named("acme"), named("alice"), named("nobody")])
        team, person, unknown = self.ask("GetMembers", request).results
        self.assertEqual(team.member.kind, member_pb.MEMBER_KIND_TEAM)
        self.assertEqual(person.member.kind, member_pb.MEMBER_KIND_PERSON)
        self.assertEqual(unknown.error.reason, "MEMBER_UNKNOWN")
        by_key = member_pb.MemberRef(id=person.member.key.id)
        [again] = self.ask("GetMembers", pb.GetMembersRequest(refs=[by_key])).results
        self.assertEqual(again.member.name, "alice")

    def test_status_tells_sizes_feed_cycles_and_limits(self) -> None:
        status = self.ask("GetStatus", pb.GetStatusRequest())
        self.assertEqual(status.feed.state, "streaming")
        self.assertEqual(status.feed.slot, "tg_end_to_end")
        self.assertGreaterEqual(status.sizes.teams, 8)
        self.assertGreaterEqual(status.sizes.people, 28)
        [cycle] = status.cycles
        self.assertEqual(names(cycle.teams), {"ring-a", "ring-b"})
        limits = {limit.name: limit.value for limit in status.limits}
        self.assertEqual(limits["page_members"], 100_000)

    def test_errors_carry_reason_fix_and_values(self) -> None:
        request = pb.CheckRequest(member=named("nobody"), team=named("acme"))
        code, info = self.refused("Check", request)
        self.assertEqual(code, grpc.StatusCode.NOT_FOUND)
        self.assertEqual((info.domain, info.reason), ("teamgraph", "MEMBER_UNKNOWN"))
        self.assertEqual(info.metadata["part"], "member")
        self.assertEqual(info.metadata["retryable"], "false")
        self.assertIn("Check the reference", info.metadata["fix"])

        request = pb.CheckRequest(member=named("alice"), team=named("elsa.campos"))
        code, info = self.refused("Check", request)
        self.assertEqual((code, info.reason), (grpc.StatusCode.FAILED_PRECONDITION, "NOT_A_TEAM"))

    def test_an_answer_with_a_token_knows_the_change(self) -> None:
        created = """
            INSERT INTO teamgraph.person (name, display_name) VALUES ('dave', 'Dave');
            INSERT INTO teamgraph.team_membership (person, team, status)
                SELECT m.id, t.id, 2 FROM teamgraph.person m, teamgraph.person t
                WHERE m.name = 'dave' AND t.name = 'release-admins'
        """
        removed = """
            DELETE FROM teamgraph.team_membership
                WHERE person = (SELECT id FROM teamgraph.person WHERE name = 'dave')
        """
        with psycopg.connect(DATABASE_URL, autocommit=True) as database:
            for sql, relation in [
                (created, member_pb.RELATION_INDIRECT),
                (removed, member_pb.RELATION_NONE),
            ]:
                database.execute(sql)
                [token] = database.execute("SELECT teamgraph.teamgraph_token()").fetchone()
                fresh = version_pb.Freshness(at_least_as_fresh=token)
                answer = self.check("dave", "acme", freshness=fresh)
                self.assertEqual(answer.relation, relation)
                exactly = version_pb.Freshness(exactly=answer.answered_at.version)
                again = self.check("dave", "acme", freshness=exactly)
                self.assertEqual(again.answered_at.version, answer.answered_at.version)

    def test_tokens_that_cannot_be_are_refused(self) -> None:
        for token, reason in [
            ("FFFFFFF0/0", "LSN_FROM_FUTURE"),
            ("77/0/1", "TOKEN_FROM_OTHER_HISTORY"),
            ("soon", "TOKEN_MALFORMED"),
        ]:
            with self.subTest(token=token):
                fresh = version_pb.Freshness(at_least_as_fresh=token)
                request = pb.CheckRequest(
                    member=named("alice"), team=named("acme"), freshness=fresh
                )
                self.assertEqual(self.refused("Check", request)[1].reason, reason)


if __name__ == "__main__":
    unittest.main()
