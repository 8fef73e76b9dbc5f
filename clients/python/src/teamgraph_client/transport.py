"""How calls travel: their names, deadlines and retries.

Owns the table of the service's methods and the channel's settings, once for both clients.
"""

import json
from dataclasses import dataclass
from typing import Generic, TypeVar

from google.protobuf.message import Message

from teamgraph_client._wire import participation_service_pb2 as pb

Request = TypeVar("Request", bound=Message)
Answer = TypeVar("Answer", bound=Message)

SERVICE = "teamgraph.v1.ParticipationService"

#: How long a call may take unless it is told otherwise: twice what the server waits for a token by
#: default, so that a wait ends with its own error and not with this one.
DEFAULT_TIMEOUT_S = 10.0

# UNAVAILABLE alone: the server uses it for nothing that is permanent. Four tries within about a
# second cover a restart behind a load balancer; what lasts longer is the caller's to know.
_SERVICE_CONFIG = {
    "methodConfig": [
        {
            "name": [{"service": SERVICE}],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.1s",
                "maxBackoff": "1s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}

OPTIONS: tuple[tuple[str, str | int], ...] = (
    ("grpc.enable_retries", 1),
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    # What a load balancer or firewall on the way forgets after a minute is found out before.
    ("grpc.keepalive_time_ms", 30_000),
)


@dataclass(frozen=True)
class Method(Generic[Request, Answer]):
    """One call of the service."""

    name: str
    request: type[Request]
    answer: type[Answer]

    @property
    def path(self) -> str:
        """The name on the wire."""
        return f"/{SERVICE}/{self.name}"


CHECK = Method("Check", pb.CheckRequest, pb.CheckResponse)
BATCH_CHECK = Method("BatchCheck", pb.BatchCheckRequest, pb.BatchCheckResponse)
LIST_TEAMS = Method("ListTeams", pb.ListTeamsRequest, pb.ListTeamsResponse)
LIST_MEMBERS = Method("ListMembers", pb.ListMembersRequest, pb.ListMembersResponse)
EXPLAIN = Method("Explain", pb.ExplainRequest, pb.ExplainResponse)
GET_MEMBERS = Method("GetMembers", pb.GetMembersRequest, pb.GetMembersResponse)
GET_STATUS = Method("GetStatus", pb.GetStatusRequest, pb.GetStatusResponse)

METHODS = (CHECK, BATCH_CHECK, LIST_TEAMS, LIST_MEMBERS, EXPLAIN, GET_MEMBERS, GET_STATUS)
