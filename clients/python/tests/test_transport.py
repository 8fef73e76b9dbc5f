"""Retries and deadlines, against a server that does as it is told."""

import threading
import unittest
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc

from teamgraph_client import (
    Client,
    DeadlineExceeded,
    MemberUnknown,
    Relation,
    ServerUnavailable,
    TeamgraphError,
    UnexpectedAnswer,
    transport,
)
from teamgraph_client._wire import member_pb2, participation_service_pb2
from teamgraph_client._wire import participation_service_pb2 as pb
from teamgraph_client.errors import of_call

# What many questions at once are for; `batch_check`, pages and `gather` do for most callers.
NOT_OFFERED = {
    "StreamChecks",
    "BatchListTeams",
    "CountTeams",
    "BatchListMembers",
    "StreamMembers",
    "CountMembers",
}

Check = Callable[[pb.CheckRequest, grpc.ServicerContext], pb.CheckResponse]


class TransportTest(unittest.TestCase):
    def serve(self, check: Check) -> Client:
        """A client of a server whose one method is `check`."""
        handler = grpc.unary_unary_rpc_method_handler(
            check,
            request_deserializer=pb.CheckRequest.FromString,
            response_serializer=pb.CheckResponse.SerializeToString,
        )
        server = grpc.server(ThreadPoolExecutor(max_workers=2))
        handlers = grpc.method_handlers_generic_handler(transport.SERVICE, {"Check": handler})
        server.add_generic_rpc_handlers((handlers,))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        self.addCleanup(lambda: server.stop(grace=None).wait())
        client = Client(f"127.0.0.1:{port}")
        self.addCleanup(client.close)
        return client

    def failing(self, code: grpc.StatusCode, failures: int) -> tuple[Client, list[float]]:
        """A server that fails so often and then says yes, and the time left at each try."""
        tries: list[float] = []

        def check(_request: pb.CheckRequest, context: grpc.ServicerContext) -> pb.CheckResponse:
            tries.append(context.time_remaining())
            if len(tries) <= failures:
                context.abort(code, "told to")
            return pb.CheckResponse(relation=member_pb2.RELATION_DIRECT)

        return self.serve(check), tries

    def test_unavailable_is_tried_again(self) -> None:
        client, tries = self.failing(grpc.StatusCode.UNAVAILABLE, failures=2)
        self.assertEqual(client.check("a", "b").relation, Relation.DIRECT)
        self.assertEqual(len(tries), 3)

    def test_tries_are_bounded(self) -> None:
        client, tries = self.failing(grpc.StatusCode.UNAVAILABLE, failures=100)
        with self.assertRaises(ServerUnavailable):
            client.check("a", "b")
        self.assertEqual(len(tries), 4)

    def test_nothing_else_is_tried_again(self) -> None:
        for code in grpc.StatusCode:
            if code in (grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE):
                continue
            client, tries = self.failing(code, failures=1)
            with self.subTest(code=code), self.assertRaises(TeamgraphError):
                client.check("a", "b")
            self.assertEqual(len(tries), 1, code)

    def test_each_call_has_a_deadline(self) -> None:
        client, tries = self.failing(grpc.StatusCode.OK, failures=0)
        client.check("a", "b")
        client.check("a", "b", timeout_s=1_000)
        # Twice, because gRPC rounds deadlines up on their way.
        self.assertLess(tries[0], 2 * transport.DEFAULT_TIMEOUT_S)
        self.assertGreater(tries[1], 2 * transport.DEFAULT_TIMEOUT_S)

    def test_a_deadline_ends_a_call(self) -> None:
        never = threading.Event()
        self.addCleanup(never.set)

        def check(_request: pb.CheckRequest, _context: grpc.ServicerContext) -> pb.CheckResponse:
            never.wait()
            return pb.CheckResponse()

        with self.assertRaises(DeadlineExceeded) as late:
            self.serve(check).check("a", "b", timeout_s=0.1)
        self.assertIsNone(late.exception.reason)

    def test_a_relation_of_a_newer_server_is_no_yes(self) -> None:
        def check(_request: pb.CheckRequest, _context: grpc.ServicerContext) -> pb.CheckResponse:
            # A number that no relation has yet.
            return pb.CheckResponse.FromString(b"\x08\x63")

        with self.assertRaises(UnexpectedAnswer):
            self.serve(check).check("a", "b")

    def test_the_methods_are_those_of_the_service(self) -> None:
        service = participation_service_pb2.DESCRIPTOR.services_by_name["ParticipationService"]
        self.assertEqual(service.full_name, transport.SERVICE)
        declared = {(m.name, m.input_type.name, m.output_type.name) for m in service.methods}
        known = {
            (m.name, m.request.DESCRIPTOR.name, m.answer.DESCRIPTOR.name)
            for m in transport.METHODS
        }
        self.assertLessEqual(known, declared)
        left_out = {name for name, _, _ in declared - known}
        self.assertEqual(left_out, NOT_OFFERED, "offer it, or say that it is not offered")


class ErrorTest(unittest.TestCase):
    def test_what_the_transport_says_alone(self) -> None:
        late = of_call(grpc.StatusCode.DEADLINE_EXCEEDED, "late", None)
        self.assertIsInstance(late, DeadlineExceeded)
        self.assertTrue(late.retryable)
        unknown = of_call(grpc.StatusCode.NOT_FOUND, None, [("grpc-status-details-bin", b"")])
        self.assertNotIsInstance(unknown, MemberUnknown)
        self.assertFalse(unknown.retryable)
