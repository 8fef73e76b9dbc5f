from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Version(_message.Message):
    __slots__ = ("system_id", "timeline", "end_lsn", "tick")
    SYSTEM_ID_FIELD_NUMBER: _ClassVar[int]
    TIMELINE_FIELD_NUMBER: _ClassVar[int]
    END_LSN_FIELD_NUMBER: _ClassVar[int]
    TICK_FIELD_NUMBER: _ClassVar[int]
    system_id: int
    timeline: int
    end_lsn: int
    tick: int
    def __init__(self, system_id: _Optional[int] = ..., timeline: _Optional[int] = ..., end_lsn: _Optional[int] = ..., tick: _Optional[int] = ...) -> None: ...

class Freshness(_message.Message):
    __slots__ = ("at_least_as_fresh", "exactly", "max_wait_ms")
    AT_LEAST_AS_FRESH_FIELD_NUMBER: _ClassVar[int]
    EXACTLY_FIELD_NUMBER: _ClassVar[int]
    MAX_WAIT_MS_FIELD_NUMBER: _ClassVar[int]
    at_least_as_fresh: str
    exactly: Version
    max_wait_ms: int
    def __init__(self, at_least_as_fresh: _Optional[str] = ..., exactly: _Optional[_Union[Version, _Mapping]] = ..., max_wait_ms: _Optional[int] = ...) -> None: ...

class AnsweredAt(_message.Message):
    __slots__ = ("version", "applied_lsn", "token", "stale_for_ms", "instance", "copy")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    APPLIED_LSN_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    STALE_FOR_MS_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    COPY_FIELD_NUMBER: _ClassVar[int]
    version: Version
    applied_lsn: str
    token: str
    stale_for_ms: int
    instance: str
    copy: int
    def __init__(self, version: _Optional[_Union[Version, _Mapping]] = ..., applied_lsn: _Optional[str] = ..., token: _Optional[str] = ..., stale_for_ms: _Optional[int] = ..., instance: _Optional[str] = ..., copy: _Optional[int] = ...) -> None: ...
