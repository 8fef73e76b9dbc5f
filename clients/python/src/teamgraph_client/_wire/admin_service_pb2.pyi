from teamgraph_client._wire import member_pb2 as _member_pb2
from teamgraph_client._wire import version_pb2 as _version_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AdminPhase(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ADMIN_PHASE_UNSPECIFIED: _ClassVar[AdminPhase]
    ADMIN_PHASE_OPENING: _ClassVar[AdminPhase]
    ADMIN_PHASE_READING: _ClassVar[AdminPhase]
    ADMIN_PHASE_WAITING: _ClassVar[AdminPhase]
    ADMIN_PHASE_COMPARING: _ClassVar[AdminPhase]
    ADMIN_PHASE_BUILDING: _ClassVar[AdminPhase]
    ADMIN_PHASE_CATCHING_UP: _ClassVar[AdminPhase]

class FindingKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FINDING_KIND_UNSPECIFIED: _ClassVar[FindingKind]
    FINDING_KIND_MEMBER_MISSING: _ClassVar[FindingKind]
    FINDING_KIND_MEMBER_SPURIOUS: _ClassVar[FindingKind]
    FINDING_KIND_KIND_DIFFERS: _ClassVar[FindingKind]
    FINDING_KIND_NAME_DIFFERS: _ClassVar[FindingKind]
    FINDING_KIND_OWNER_DIFFERS: _ClassVar[FindingKind]
    FINDING_KIND_MEMBERSHIP_MISSING: _ClassVar[FindingKind]
    FINDING_KIND_MEMBERSHIP_SPURIOUS: _ClassVar[FindingKind]
    FINDING_KIND_ROLE_DIFFERS: _ClassVar[FindingKind]
    FINDING_KIND_PARTICIPATION_MISSING: _ClassVar[FindingKind]
    FINDING_KIND_PARTICIPATION_SPURIOUS: _ClassVar[FindingKind]
    FINDING_KIND_CYCLE: _ClassVar[FindingKind]
    FINDING_KIND_DANGLING_END: _ClassVar[FindingKind]
    FINDING_KIND_SELF_MEMBERSHIP: _ClassVar[FindingKind]
    FINDING_KIND_STATUS_UNKNOWN: _ClassVar[FindingKind]
ADMIN_PHASE_UNSPECIFIED: AdminPhase
ADMIN_PHASE_OPENING: AdminPhase
ADMIN_PHASE_READING: AdminPhase
ADMIN_PHASE_WAITING: AdminPhase
ADMIN_PHASE_COMPARING: AdminPhase
ADMIN_PHASE_BUILDING: AdminPhase
ADMIN_PHASE_CATCHING_UP: AdminPhase
FINDING_KIND_UNSPECIFIED: FindingKind
FINDING_KIND_MEMBER_MISSING: FindingKind
FINDING_KIND_MEMBER_SPURIOUS: FindingKind
FINDING_KIND_KIND_DIFFERS: FindingKind
FINDING_KIND_NAME_DIFFERS: FindingKind
FINDING_KIND_OWNER_DIFFERS: FindingKind
FINDING_KIND_MEMBERSHIP_MISSING: FindingKind
FINDING_KIND_MEMBERSHIP_SPURIOUS: FindingKind
FINDING_KIND_ROLE_DIFFERS: FindingKind
FINDING_KIND_PARTICIPATION_MISSING: FindingKind
FINDING_KIND_PARTICIPATION_SPURIOUS: FindingKind
FINDING_KIND_CYCLE: FindingKind
FINDING_KIND_DANGLING_END: FindingKind
FINDING_KIND_SELF_MEMBERSHIP: FindingKind
FINDING_KIND_STATUS_UNKNOWN: FindingKind

class VerifyRequest(_message.Message):
    __slots__ = ("sample",)
    SAMPLE_FIELD_NUMBER: _ClassVar[int]
    sample: int
    def __init__(self, sample: _Optional[int] = ...) -> None: ...

class VerifyResponse(_message.Message):
    __slots__ = ("progress", "report")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    progress: AdminProgress
    report: DriftReport
    def __init__(self, progress: _Optional[_Union[AdminProgress, _Mapping]] = ..., report: _Optional[_Union[DriftReport, _Mapping]] = ...) -> None: ...

class RebuildRequest(_message.Message):
    __slots__ = ("sample",)
    SAMPLE_FIELD_NUMBER: _ClassVar[int]
    sample: int
    def __init__(self, sample: _Optional[int] = ...) -> None: ...

class RebuildResponse(_message.Message):
    __slots__ = ("progress", "report")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    progress: AdminProgress
    report: RebuildReport
    def __init__(self, progress: _Optional[_Union[AdminProgress, _Mapping]] = ..., report: _Optional[_Union[RebuildReport, _Mapping]] = ...) -> None: ...

class AdminProgress(_message.Message):
    __slots__ = ("phase", "done", "total")
    PHASE_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    phase: AdminPhase
    done: int
    total: int
    def __init__(self, phase: _Optional[_Union[AdminPhase, str]] = ..., done: _Optional[int] = ..., total: _Optional[int] = ...) -> None: ...

class DriftReport(_message.Message):
    __slots__ = ("version", "read_at", "rows", "members", "memberships", "members_compared", "participations", "whole", "differences", "peculiarities")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    READ_AT_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    MEMBERSHIPS_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_COMPARED_FIELD_NUMBER: _ClassVar[int]
    PARTICIPATIONS_FIELD_NUMBER: _ClassVar[int]
    WHOLE_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCES_FIELD_NUMBER: _ClassVar[int]
    PECULIARITIES_FIELD_NUMBER: _ClassVar[int]
    version: _version_pb2.Version
    read_at: str
    rows: int
    members: int
    memberships: int
    members_compared: int
    participations: int
    whole: bool
    differences: _containers.RepeatedCompositeFieldContainer[Finding]
    peculiarities: _containers.RepeatedCompositeFieldContainer[Finding]
    def __init__(self, version: _Optional[_Union[_version_pb2.Version, _Mapping]] = ..., read_at: _Optional[str] = ..., rows: _Optional[int] = ..., members: _Optional[int] = ..., memberships: _Optional[int] = ..., members_compared: _Optional[int] = ..., participations: _Optional[int] = ..., whole: _Optional[bool] = ..., differences: _Optional[_Iterable[_Union[Finding, _Mapping]]] = ..., peculiarities: _Optional[_Iterable[_Union[Finding, _Mapping]]] = ...) -> None: ...

class Finding(_message.Message):
    __slots__ = ("kind", "count", "examples")
    KIND_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    kind: FindingKind
    count: int
    examples: _containers.RepeatedCompositeFieldContainer[FindingExample]
    def __init__(self, kind: _Optional[_Union[FindingKind, str]] = ..., count: _Optional[int] = ..., examples: _Optional[_Iterable[_Union[FindingExample, _Mapping]]] = ...) -> None: ...

class FindingExample(_message.Message):
    __slots__ = ("members", "source", "graph")
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    GRAPH_FIELD_NUMBER: _ClassVar[int]
    members: _containers.RepeatedCompositeFieldContainer[_member_pb2.Member]
    source: str
    graph: str
    def __init__(self, members: _Optional[_Iterable[_Union[_member_pb2.Member, _Mapping]]] = ..., source: _Optional[str] = ..., graph: _Optional[str] = ...) -> None: ...

class RebuildReport(_message.Message):
    __slots__ = ("version", "copy", "rows", "took_ms", "drift", "drift_unknown")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    COPY_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    TOOK_MS_FIELD_NUMBER: _ClassVar[int]
    DRIFT_FIELD_NUMBER: _ClassVar[int]
    DRIFT_UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    version: _version_pb2.Version
    copy: int
    rows: int
    took_ms: int
    drift: DriftReport
    drift_unknown: str
    def __init__(self, version: _Optional[_Union[_version_pb2.Version, _Mapping]] = ..., copy: _Optional[int] = ..., rows: _Optional[int] = ..., took_ms: _Optional[int] = ..., drift: _Optional[_Union[DriftReport, _Mapping]] = ..., drift_unknown: _Optional[str] = ...) -> None: ...
