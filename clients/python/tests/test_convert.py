"""What the wire says, as the package's own values: what no server of the other tests says."""

import unittest

from teamgraph_client import Projection, Version, convert
from teamgraph_client._wire import participation_service_pb2 as pb
from teamgraph_client._wire import version_pb2


class ProjectionTest(unittest.TestCase):
    def projection(self, wire: pb.ProjectionReport | None) -> Projection | None:
        return convert.status(pb.GetStatusResponse(projection=wire)).projection

    def test_all_that_is_told_of_a_table(self) -> None:
        wire = pb.ProjectionReport(
            table='"public"."teamparticipation"',
            state="backing-off",
            version=version_pb2.Version(system_id=77, timeline=2, end_lsn=100, tick=3),
            applied_lsn="0/65",
            lag_ms=0,
            retry_in_ms=250,
            error="cannot commit",
            error_age_ms=12,
        )
        told = Projection(
            table='"public"."teamparticipation"',
            state="backing-off",
            version=Version(77, 2, 100, 3),
            applied_lsn="0/65",
            lag_ms=0,
            retry_in_ms=250,
            error="cannot commit",
            error_age_ms=12,
        )
        self.assertEqual(self.projection(wire), told)

    def test_what_is_not_known_of_a_table(self) -> None:
        table = self.projection(pb.ProjectionReport(table="teamparticipation", state="starting"))
        told = Projection("teamparticipation", "starting", None, "", None, 0, "", 0)
        self.assertEqual(table, told)

    def test_a_server_that_keeps_no_table(self) -> None:
        self.assertIsNone(self.projection(None))
