from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MemberKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MEMBER_KIND_UNSPECIFIED: _ClassVar[MemberKind]
    MEMBER_KIND_PERSON: _ClassVar[MemberKind]
    MEMBER_KIND_TEAM: _ClassVar[MemberKind]

class Role(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROLE_UNSPECIFIED: _ClassVar[Role]
    ROLE_MEMBER: _ClassVar[Role]
    ROLE_ADMIN: _ClassVar[Role]

class Relation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RELATION_UNSPECIFIED: _ClassVar[Relation]
    RELATION_NONE: _ClassVar[Relation]
    RELATION_SELF: _ClassVar[Relation]
    RELATION_DIRECT: _ClassVar[Relation]
    RELATION_INDIRECT: _ClassVar[Relation]
MEMBER_KIND_UNSPECIFIED: MemberKind
MEMBER_KIND_PERSON: MemberKind
MEMBER_KIND_TEAM: MemberKind
ROLE_UNSPECIFIED: Role
ROLE_MEMBER: Role
ROLE_ADMIN: Role
RELATION_UNSPECIFIED: Relation
RELATION_NONE: Relation
RELATION_SELF: Relation
RELATION_DIRECT: Relation
RELATION_INDIRECT: Relation

class MemberRef(_message.Message):
    __slots__ = ("kind", "id", "key", "uuid", "name")
    KIND_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    UUID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    kind: MemberKind
    id: int
    key: str
    uuid: bytes
    name: str
    def __init__(self, kind: _Optional[_Union[MemberKind, str]] = ..., id: _Optional[int] = ..., key: _Optional[str] = ..., uuid: _Optional[bytes] = ..., name: _Optional[str] = ...) -> None: ...

class MemberKey(_message.Message):
    __slots__ = ("id", "key", "uuid")
    ID_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    UUID_FIELD_NUMBER: _ClassVar[int]
    id: int
    key: str
    uuid: bytes
    def __init__(self, id: _Optional[int] = ..., key: _Optional[str] = ..., uuid: _Optional[bytes] = ...) -> None: ...

class Member(_message.Message):
    __slots__ = ("key", "name", "kind")
    KEY_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    key: MemberKey
    name: str
    kind: MemberKind
    def __init__(self, key: _Optional[_Union[MemberKey, _Mapping]] = ..., name: _Optional[str] = ..., kind: _Optional[_Union[MemberKind, str]] = ...) -> None: ...

class MemberKeys(_message.Message):
    __slots__ = ("ids", "keys")
    IDS_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[int]
    keys: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, ids: _Optional[_Iterable[int]] = ..., keys: _Optional[_Iterable[str]] = ...) -> None: ...

class ItemError(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...
