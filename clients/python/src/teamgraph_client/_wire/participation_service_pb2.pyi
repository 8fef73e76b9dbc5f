from teamgraph_client._wire import member_pb2 as _member_pb2
from teamgraph_client._wire import version_pb2 as _version_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AskedRelation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ASKED_RELATION_UNSPECIFIED: _ClassVar[AskedRelation]
    ASKED_RELATION_PARTICIPANT: _ClassVar[AskedRelation]
    ASKED_RELATION_ADMINISTRATOR: _ClassVar[AskedRelation]

class ListScope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LIST_SCOPE_UNSPECIFIED: _ClassVar[ListScope]
    LIST_SCOPE_DIRECT: _ClassVar[ListScope]
    LIST_SCOPE_ALL: _ClassVar[ListScope]

class ListView(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LIST_VIEW_UNSPECIFIED: _ClassVar[ListView]
    LIST_VIEW_KEYS: _ClassVar[ListView]
    LIST_VIEW_MEMBERS: _ClassVar[ListView]

class ListKinds(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LIST_KINDS_UNSPECIFIED: _ClassVar[ListKinds]
    LIST_KINDS_PEOPLE: _ClassVar[ListKinds]
    LIST_KINDS_TEAMS: _ClassVar[ListKinds]
    LIST_KINDS_ALL: _ClassVar[ListKinds]

class WhyNot(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WHY_NOT_UNSPECIFIED: _ClassVar[WhyNot]
    WHY_NOT_MEMBER_IN_NO_TEAM: _ClassVar[WhyNot]
    WHY_NOT_TEAM_EMPTY: _ClassVar[WhyNot]
    WHY_NOT_NO_CHAIN: _ClassVar[WhyNot]
ASKED_RELATION_UNSPECIFIED: AskedRelation
ASKED_RELATION_PARTICIPANT: AskedRelation
ASKED_RELATION_ADMINISTRATOR: AskedRelation
LIST_SCOPE_UNSPECIFIED: ListScope
LIST_SCOPE_DIRECT: ListScope
LIST_SCOPE_ALL: ListScope
LIST_VIEW_UNSPECIFIED: ListView
LIST_VIEW_KEYS: ListView
LIST_VIEW_MEMBERS: ListView
LIST_KINDS_UNSPECIFIED: ListKinds
LIST_KINDS_PEOPLE: ListKinds
LIST_KINDS_TEAMS: ListKinds
LIST_KINDS_ALL: ListKinds
WHY_NOT_UNSPECIFIED: WhyNot
WHY_NOT_MEMBER_IN_NO_TEAM: WhyNot
WHY_NOT_TEAM_EMPTY: WhyNot
WHY_NOT_NO_CHAIN: WhyNot

class CheckRequest(_message.Message):
    __slots__ = ("member", "team", "freshness", "lenient", "relation")
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    TEAM_FIELD_NUMBER: _ClassVar[int]
    FRESHNESS_FIELD_NUMBER: _ClassVar[int]
    LENIENT_FIELD_NUMBER: _ClassVar[int]
    RELATION_FIELD_NUMBER: _ClassVar[int]
    member: _member_pb2.MemberRef
    team: _member_pb2.MemberRef
    freshness: _version_pb2.Freshness
    lenient: bool
    relation: AskedRelation
    def __init__(self, member: _Optional[_Union[_member_pb2.MemberRef, _Mapping]] = ..., team: _Optional[_Union[_member_pb2.MemberRef, _Mapping]] = ..., freshness: _Optional[_Union[_version_pb2.Freshness, _Mapping]] = ..., lenient: _Optional[bool] = ..., relation: _Optional[_Union[AskedRelation, str]] = ...) -> None: ...

class CheckResponse(_message.Message):
    __slots__ = ("relation", "answered_at")
    RELATION_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_AT_FIELD_NUMBER: _ClassVar[int]
    relation: _member_pb2.Relation
    answered_at: _version_pb2.AnsweredAt
    def __init__(self, relation: _Optional[_Union[_member_pb2.Relation, str]] = ..., answered_at: _Optional[_Union[_version_pb2.AnsweredAt, _Mapping]] = ...) -> None: ...

class BatchCheckRequest(_message.Message):
    __slots__ = ("pairs", "packed_pairs", "freshness", "lenient", "relation", "member_teams", "team_members")
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    PACKED_PAIRS_FIELD_NUMBER: _ClassVar[int]
    FRESHNESS_FIELD_NUMBER: _ClassVar[int]
    LENIENT_FIELD_NUMBER: _ClassVar[int]
    RELATION_FIELD_NUMBER: _ClassVar[int]
    MEMBER_TEAMS_FIELD_NUMBER: _ClassVar[int]
    TEAM_MEMBERS_FIELD_NUMBER: _ClassVar[int]
    pairs: _containers.RepeatedCompositeFieldContainer[CheckPair]
    packed_pairs: PackedPairs
    freshness: _version_pb2.Freshness
    lenient: bool
    relation: AskedRelation
    member_teams: MemberTeams
    team_members: TeamMembers
    def __init__(self, pairs: _Optional[_Iterable[_Union[CheckPair, _Mapping]]] = ..., packed_pairs: _Optional[_Union[PackedPairs, _Mapping]] = ..., freshness: _Optional[_Union[_version_pb2.Freshness, _Mapping]] = ..., lenient: _Optional[bool] = ..., relation: _Optional[_Union[AskedRelation, str]] = ..., member_teams: _Optional[_Union[MemberTeams, _Mapping]] = ..., team_members: _Optional[_Union[TeamMembers, _Mapping]] = ...) -> None: ...

class MemberTeams(_message.Message):
    __slots__ = ("member", "teams")
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    TEAMS_FIELD_NUMBER: _ClassVar[int]
    member: _member_pb2.MemberRef
    teams: _containers.RepeatedCompositeFieldContainer[_member_pb2.MemberRef]
    def __init__(self, member: _Optional[_Union[_member_pb2.MemberRef, _Mapping]] = ..., teams: _Optional[_Iterable[_Union[_member_pb2.MemberRef, _Mapping]]] = ...) -> None: ...

class TeamMembers(_message.Message):
    __slots__ = ("team", "members")
    TEAM_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    team: _member_pb2.MemberRef
    members: _containers.RepeatedCompositeFieldContainer[_member_pb2.MemberRef]
    def __init__(self, team: _Optional[_Union[_member_pb2.MemberRef, _Mapping]] = ..., members: _Optional[_Iterable[_Union[_member_pb2.MemberRef, _Mapping]]] = ...) -> None: ...

class CheckPair(_message.Message):
    __slots__ = ("member", "team")
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    TEAM_FIELD_NUMBER: _ClassVar[int]
    member: _member_pb2.MemberRef
    team: _member_pb2.MemberRef
    def __init__(self, member: _Optional[_Union[_member_pb2.MemberRef, _Mapping]] = ..., team: _Optional[_Union[_member_pb2.MemberRef, _Mapping]] = ...) -> None: ...

class PackedPairs(_message.Message):
    __slots__ = ("member_kind", "member_ids", "team_ids")
    MEMBER_KIND_FIELD_NUMBER: _ClassVar[int]
    MEMBER_IDS_FIELD_NUMBER: _ClassVar[int]
    TEAM_IDS_FIELD_NUMBER: _ClassVar[int]
    member_kind: _member_pb2.MemberKind
    member_ids: _containers.RepeatedScalarFieldContainer[int]
    team_ids: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, member_kind: _Optional[_Union[_member_pb2.MemberKind, str]] = ..., member_ids: _Optional[_Iterable[int]] = ..., team_ids: _Optional[_Iterable[int]] = ...) -> None: ...

class BatchCheckResponse(_message.Message):
    __slots__ = ("results", "packed_results", "answered_at")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    PACKED_RESULTS_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_AT_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[CheckResult]
    packed_results: PackedResults
    answered_at: _version_pb2.AnsweredAt
    def __init__(self, results: _Optional[_Iterable[_Union[CheckResult, _Mapping]]] = ..., packed_results: _Optional[_Union[PackedResults, _Mapping]] = ..., answered_at: _Optional[_Union[_version_pb2.AnsweredAt, _Mapping]] = ...) -> None: ...

class CheckResult(_message.Message):
    __slots__ = ("relation", "error")
    RELATION_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    relation: _member_pb2.Relation
    error: _member_pb2.ItemError
    def __init__(self, relation: _Optional[_Union[_member_pb2.Relation, str]] = ..., error: _Optional[_Union[_member_pb2.ItemError, _Mapping]] = ...) -> None: ...

class PackedResults(_message.Message):
    __slots__ = ("participates", "errors")
    PARTICIPATES_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    participates: bytes
    errors: _containers.RepeatedCompositeFieldContainer[PackedError]
    def __init__(self, participates: _Optional[bytes] = ..., errors: _Optional[_Iterable[_Union[PackedError, _Mapping]]] = ...) -> None: ...

class PackedError(_message.Message):
    __slots__ = ("index", "error")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    index: int
    error: _member_pb2.ItemError
    def __init__(self, index: _Optional[int] = ..., error: _Optional[_Union[_member_pb2.ItemError, _Mapping]] = ...) -> None: ...

class StreamChecksRequest(_message.Message):
    __slots__ = ("id", "member", "team", "lenient", "relation", "freshness")
    ID_FIELD_NUMBER: _ClassVar[int]
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    TEAM_FIELD_NUMBER: _ClassVar[int]
    LENIENT_FIELD_NUMBER: _ClassVar[int]
    RELATION_FIELD_NUMBER: _ClassVar[int]
    FRESHNESS_FIELD_NUMBER: _ClassVar[int]
    id: int
    member: _member_pb2.MemberRef
    team: _member_pb2.MemberRef
    lenient: bool
    relation: AskedRelation
    freshness: _version_pb2.Freshness
    def __init__(self, id: _Optional[int] = ..., member: _Optional[_Union[_member_pb2.MemberRef, _Mapping]] = ..., team: _Optional[_Union[_member_pb2.MemberRef, _Mapping]] = ..., lenient: _Optional[bool] = ..., relation: _Optional[_Union[AskedRelation, str]] = ..., freshness: _Optional[_Union[_version_pb2.Freshness, _Mapping]] = ...) -> None: ...

class StreamChecksResponse(_message.Message):
    __slots__ = ("id", "relation", "error", "answered_at")
    ID_FIELD_NUMBER: _ClassVar[int]
    RELATION_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_AT_FIELD_NUMBER: _ClassVar[int]
    id: int
    relation: _member_pb2.Relation
    error: _member_pb2.ItemError
    answered_at: _version_pb2.AnsweredAt
    def __init__(self, id: _Optional[int] = ..., relation: _Optional[_Union[_member_pb2.Relation, str]] = ..., error: _Optional[_Union[_member_pb2.ItemError, _Mapping]] = ..., answered_at: _Optional[_Union[_version_pb2.AnsweredAt, _Mapping]] = ...) -> None: ...

class ListTeamsRequest(_message.Message):
    __slots__ = ("member", "scope", "view", "page_size", "page_token", "freshness", "relation")
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FRESHNESS_FIELD_NUMBER: _ClassVar[int]
    RELATION_FIELD_NUMBER: _ClassVar[int]
    member: _member_pb2.MemberRef
    scope: ListScope
    view: ListView
    page_size: int
    page_token: str
    freshness: _version_pb2.Freshness
    relation: AskedRelation
    def __init__(self, member: _Optional[_Union[_member_pb2.MemberRef, _Mapping]] = ..., scope: _Optional[_Union[ListScope, str]] = ..., view: _Optional[_Union[ListView, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., freshness: _Optional[_Union[_version_pb2.Freshness, _Mapping]] = ..., relation: _Optional[_Union[AskedRelation, str]] = ...) -> None: ...

class ListTeamsResponse(_message.Message):
    __slots__ = ("keys", "members", "next_page_token", "answered_at")
    KEYS_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_AT_FIELD_NUMBER: _ClassVar[int]
    keys: _member_pb2.MemberKeys
    members: _containers.RepeatedCompositeFieldContainer[_member_pb2.Member]
    next_page_token: str
    answered_at: _version_pb2.AnsweredAt
    def __init__(self, keys: _Optional[_Union[_member_pb2.MemberKeys, _Mapping]] = ..., members: _Optional[_Iterable[_Union[_member_pb2.Member, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., answered_at: _Optional[_Union[_version_pb2.AnsweredAt, _Mapping]] = ...) -> None: ...

class ListMembersRequest(_message.Message):
    __slots__ = ("team", "scope", "kinds", "view", "page_size", "page_token", "freshness", "relation")
    TEAM_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FRESHNESS_FIELD_NUMBER: _ClassVar[int]
    RELATION_FIELD_NUMBER: _ClassVar[int]
    team: _member_pb2.MemberRef
    scope: ListScope
    kinds: ListKinds
    view: ListView
    page_size: int
    page_token: str
    freshness: _version_pb2.Freshness
    relation: AskedRelation
    def __init__(self, team: _Optional[_Union[_member_pb2.MemberRef, _Mapping]] = ..., scope: _Optional[_Union[ListScope, str]] = ..., kinds: _Optional[_Union[ListKinds, str]] = ..., view: _Optional[_Union[ListView, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., freshness: _Optional[_Union[_version_pb2.Freshness, _Mapping]] = ..., relation: _Optional[_Union[AskedRelation, str]] = ...) -> None: ...

class ListMembersResponse(_message.Message):
    __slots__ = ("keys", "members", "next_page_token", "answered_at")
    KEYS_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_AT_FIELD_NUMBER: _ClassVar[int]
    keys: _member_pb2.MemberKeys
    members: _containers.RepeatedCompositeFieldContainer[_member_pb2.Member]
    next_page_token: str
    answered_at: _version_pb2.AnsweredAt
    def __init__(self, keys: _Optional[_Union[_member_pb2.MemberKeys, _Mapping]] = ..., members: _Optional[_Iterable[_Union[_member_pb2.Member, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., answered_at: _Optional[_Union[_version_pb2.AnsweredAt, _Mapping]] = ...) -> None: ...

class BatchListTeamsRequest(_message.Message):
    __slots__ = ("member_kind", "member_ids", "members", "scope", "view", "relation", "page_size", "page_token", "freshness")
    MEMBER_KIND_FIELD_NUMBER: _ClassVar[int]
    MEMBER_IDS_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    RELATION_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FRESHNESS_FIELD_NUMBER: _ClassVar[int]
    member_kind: _member_pb2.MemberKind
    member_ids: _containers.RepeatedScalarFieldContainer[int]
    members: _containers.RepeatedCompositeFieldContainer[_member_pb2.MemberRef]
    scope: ListScope
    view: ListView
    relation: AskedRelation
    page_size: int
    page_token: str
    freshness: _version_pb2.Freshness
    def __init__(self, member_kind: _Optional[_Union[_member_pb2.MemberKind, str]] = ..., member_ids: _Optional[_Iterable[int]] = ..., members: _Optional[_Iterable[_Union[_member_pb2.MemberRef, _Mapping]]] = ..., scope: _Optional[_Union[ListScope, str]] = ..., view: _Optional[_Union[ListView, str]] = ..., relation: _Optional[_Union[AskedRelation, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., freshness: _Optional[_Union[_version_pb2.Freshness, _Mapping]] = ...) -> None: ...

class BatchListTeamsResponse(_message.Message):
    __slots__ = ("first_list", "counts", "keys", "members", "errors", "next_page_token", "answered_at")
    FIRST_LIST_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_AT_FIELD_NUMBER: _ClassVar[int]
    first_list: int
    counts: _containers.RepeatedScalarFieldContainer[int]
    keys: _member_pb2.MemberKeys
    members: _containers.RepeatedCompositeFieldContainer[_member_pb2.Member]
    errors: _containers.RepeatedCompositeFieldContainer[PackedError]
    next_page_token: str
    answered_at: _version_pb2.AnsweredAt
    def __init__(self, first_list: _Optional[int] = ..., counts: _Optional[_Iterable[int]] = ..., keys: _Optional[_Union[_member_pb2.MemberKeys, _Mapping]] = ..., members: _Optional[_Iterable[_Union[_member_pb2.Member, _Mapping]]] = ..., errors: _Optional[_Iterable[_Union[PackedError, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., answered_at: _Optional[_Union[_version_pb2.AnsweredAt, _Mapping]] = ...) -> None: ...

class BatchListMembersRequest(_message.Message):
    __slots__ = ("team_ids", "teams", "scope", "kinds", "view", "relation", "page_size", "page_token", "freshness")
    TEAM_IDS_FIELD_NUMBER: _ClassVar[int]
    TEAMS_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    RELATION_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FRESHNESS_FIELD_NUMBER: _ClassVar[int]
    team_ids: _containers.RepeatedScalarFieldContainer[int]
    teams: _containers.RepeatedCompositeFieldContainer[_member_pb2.MemberRef]
    scope: ListScope
    kinds: ListKinds
    view: ListView
    relation: AskedRelation
    page_size: int
    page_token: str
    freshness: _version_pb2.Freshness
    def __init__(self, team_ids: _Optional[_Iterable[int]] = ..., teams: _Optional[_Iterable[_Union[_member_pb2.MemberRef, _Mapping]]] = ..., scope: _Optional[_Union[ListScope, str]] = ..., kinds: _Optional[_Union[ListKinds, str]] = ..., view: _Optional[_Union[ListView, str]] = ..., relation: _Optional[_Union[AskedRelation, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., freshness: _Optional[_Union[_version_pb2.Freshness, _Mapping]] = ...) -> None: ...

class BatchListMembersResponse(_message.Message):
    __slots__ = ("first_list", "counts", "keys", "members", "errors", "next_page_token", "answered_at")
    FIRST_LIST_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_AT_FIELD_NUMBER: _ClassVar[int]
    first_list: int
    counts: _containers.RepeatedScalarFieldContainer[int]
    keys: _member_pb2.MemberKeys
    members: _containers.RepeatedCompositeFieldContainer[_member_pb2.Member]
    errors: _containers.RepeatedCompositeFieldContainer[PackedError]
    next_page_token: str
    answered_at: _version_pb2.AnsweredAt
    def __init__(self, first_list: _Optional[int] = ..., counts: _Optional[_Iterable[int]] = ..., keys: _Optional[_Union[_member_pb2.MemberKeys, _Mapping]] = ..., members: _Optional[_Iterable[_Union[_member_pb2.Member, _Mapping]]] = ..., errors: _Optional[_Iterable[_Union[PackedError, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., answered_at: _Optional[_Union[_version_pb2.AnsweredAt, _Mapping]] = ...) -> None: ...

class StreamMembersRequest(_message.Message):
    __slots__ = ("team", "scope", "kinds", "view", "relation", "chunk_size", "freshness")
    TEAM_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    RELATION_FIELD_NUMBER: _ClassVar[int]
    CHUNK_SIZE_FIELD_NUMBER: _ClassVar[int]
    FRESHNESS_FIELD_NUMBER: _ClassVar[int]
    team: _member_pb2.MemberRef
    scope: ListScope
    kinds: ListKinds
    view: ListView
    relation: AskedRelation
    chunk_size: int
    freshness: _version_pb2.Freshness
    def __init__(self, team: _Optional[_Union[_member_pb2.MemberRef, _Mapping]] = ..., scope: _Optional[_Union[ListScope, str]] = ..., kinds: _Optional[_Union[ListKinds, str]] = ..., view: _Optional[_Union[ListView, str]] = ..., relation: _Optional[_Union[AskedRelation, str]] = ..., chunk_size: _Optional[int] = ..., freshness: _Optional[_Union[_version_pb2.Freshness, _Mapping]] = ...) -> None: ...

class StreamMembersResponse(_message.Message):
    __slots__ = ("keys", "members", "answered_at")
    KEYS_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_AT_FIELD_NUMBER: _ClassVar[int]
    keys: _member_pb2.MemberKeys
    members: _containers.RepeatedCompositeFieldContainer[_member_pb2.Member]
    answered_at: _version_pb2.AnsweredAt
    def __init__(self, keys: _Optional[_Union[_member_pb2.MemberKeys, _Mapping]] = ..., members: _Optional[_Iterable[_Union[_member_pb2.Member, _Mapping]]] = ..., answered_at: _Optional[_Union[_version_pb2.AnsweredAt, _Mapping]] = ...) -> None: ...

class CountTeamsRequest(_message.Message):
    __slots__ = ("member", "scope", "relation", "freshness")
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    RELATION_FIELD_NUMBER: _ClassVar[int]
    FRESHNESS_FIELD_NUMBER: _ClassVar[int]
    member: _member_pb2.MemberRef
    scope: ListScope
    relation: AskedRelation
    freshness: _version_pb2.Freshness
    def __init__(self, member: _Optional[_Union[_member_pb2.MemberRef, _Mapping]] = ..., scope: _Optional[_Union[ListScope, str]] = ..., relation: _Optional[_Union[AskedRelation, str]] = ..., freshness: _Optional[_Union[_version_pb2.Freshness, _Mapping]] = ...) -> None: ...

class CountTeamsResponse(_message.Message):
    __slots__ = ("count", "answered_at")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_AT_FIELD_NUMBER: _ClassVar[int]
    count: int
    answered_at: _version_pb2.AnsweredAt
    def __init__(self, count: _Optional[int] = ..., answered_at: _Optional[_Union[_version_pb2.AnsweredAt, _Mapping]] = ...) -> None: ...

class CountMembersRequest(_message.Message):
    __slots__ = ("team", "scope", "kinds", "relation", "freshness")
    TEAM_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    RELATION_FIELD_NUMBER: _ClassVar[int]
    FRESHNESS_FIELD_NUMBER: _ClassVar[int]
    team: _member_pb2.MemberRef
    scope: ListScope
    kinds: ListKinds
    relation: AskedRelation
    freshness: _version_pb2.Freshness
    def __init__(self, team: _Optional[_Union[_member_pb2.MemberRef, _Mapping]] = ..., scope: _Optional[_Union[ListScope, str]] = ..., kinds: _Optional[_Union[ListKinds, str]] = ..., relation: _Optional[_Union[AskedRelation, str]] = ..., freshness: _Optional[_Union[_version_pb2.Freshness, _Mapping]] = ...) -> None: ...

class CountMembersResponse(_message.Message):
    __slots__ = ("count", "answered_at")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_AT_FIELD_NUMBER: _ClassVar[int]
    count: int
    answered_at: _version_pb2.AnsweredAt
    def __init__(self, count: _Optional[int] = ..., answered_at: _Optional[_Union[_version_pb2.AnsweredAt, _Mapping]] = ...) -> None: ...

class ExplainRequest(_message.Message):
    __slots__ = ("member", "team", "freshness")
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    TEAM_FIELD_NUMBER: _ClassVar[int]
    FRESHNESS_FIELD_NUMBER: _ClassVar[int]
    member: _member_pb2.MemberRef
    team: _member_pb2.MemberRef
    freshness: _version_pb2.Freshness
    def __init__(self, member: _Optional[_Union[_member_pb2.MemberRef, _Mapping]] = ..., team: _Optional[_Union[_member_pb2.MemberRef, _Mapping]] = ..., freshness: _Optional[_Union[_version_pb2.Freshness, _Mapping]] = ...) -> None: ...

class ExplainResponse(_message.Message):
    __slots__ = ("relation", "path", "answered_at", "why_not", "note")
    RELATION_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_AT_FIELD_NUMBER: _ClassVar[int]
    WHY_NOT_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    relation: _member_pb2.Relation
    path: _containers.RepeatedCompositeFieldContainer[PathStep]
    answered_at: _version_pb2.AnsweredAt
    why_not: WhyNot
    note: str
    def __init__(self, relation: _Optional[_Union[_member_pb2.Relation, str]] = ..., path: _Optional[_Iterable[_Union[PathStep, _Mapping]]] = ..., answered_at: _Optional[_Union[_version_pb2.AnsweredAt, _Mapping]] = ..., why_not: _Optional[_Union[WhyNot, str]] = ..., note: _Optional[str] = ...) -> None: ...

class PathStep(_message.Message):
    __slots__ = ("member", "role")
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    member: _member_pb2.Member
    role: _member_pb2.Role
    def __init__(self, member: _Optional[_Union[_member_pb2.Member, _Mapping]] = ..., role: _Optional[_Union[_member_pb2.Role, str]] = ...) -> None: ...

class GetMembersRequest(_message.Message):
    __slots__ = ("refs", "freshness")
    REFS_FIELD_NUMBER: _ClassVar[int]
    FRESHNESS_FIELD_NUMBER: _ClassVar[int]
    refs: _containers.RepeatedCompositeFieldContainer[_member_pb2.MemberRef]
    freshness: _version_pb2.Freshness
    def __init__(self, refs: _Optional[_Iterable[_Union[_member_pb2.MemberRef, _Mapping]]] = ..., freshness: _Optional[_Union[_version_pb2.Freshness, _Mapping]] = ...) -> None: ...

class GetMembersResponse(_message.Message):
    __slots__ = ("results", "answered_at")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_AT_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[MemberResult]
    answered_at: _version_pb2.AnsweredAt
    def __init__(self, results: _Optional[_Iterable[_Union[MemberResult, _Mapping]]] = ..., answered_at: _Optional[_Union[_version_pb2.AnsweredAt, _Mapping]] = ...) -> None: ...

class MemberResult(_message.Message):
    __slots__ = ("member", "error")
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    member: _member_pb2.Member
    error: _member_pb2.ItemError
    def __init__(self, member: _Optional[_Union[_member_pb2.Member, _Mapping]] = ..., error: _Optional[_Union[_member_pb2.ItemError, _Mapping]] = ...) -> None: ...

class GetStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetStatusResponse(_message.Message):
    __slots__ = ("product_version", "instance", "answered_at", "source_lsn", "lag_bytes", "feed", "sizes", "cycles", "kept_versions", "limits", "checkpoint", "lag_transactions", "lag_ms", "digest", "last_verify", "projection")
    PRODUCT_VERSION_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_AT_FIELD_NUMBER: _ClassVar[int]
    SOURCE_LSN_FIELD_NUMBER: _ClassVar[int]
    LAG_BYTES_FIELD_NUMBER: _ClassVar[int]
    FEED_FIELD_NUMBER: _ClassVar[int]
    SIZES_FIELD_NUMBER: _ClassVar[int]
    CYCLES_FIELD_NUMBER: _ClassVar[int]
    KEPT_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    LAG_TRANSACTIONS_FIELD_NUMBER: _ClassVar[int]
    LAG_MS_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    LAST_VERIFY_FIELD_NUMBER: _ClassVar[int]
    PROJECTION_FIELD_NUMBER: _ClassVar[int]
    product_version: str
    instance: str
    answered_at: _version_pb2.AnsweredAt
    source_lsn: str
    lag_bytes: int
    feed: FeedReport
    sizes: GraphSizes
    cycles: _containers.RepeatedCompositeFieldContainer[Cycle]
    kept_versions: KeptVersions
    limits: _containers.RepeatedCompositeFieldContainer[ServiceLimit]
    checkpoint: CheckpointReport
    lag_transactions: int
    lag_ms: int
    digest: Digest
    last_verify: LastVerify
    projection: ProjectionReport
    def __init__(self, product_version: _Optional[str] = ..., instance: _Optional[str] = ..., answered_at: _Optional[_Union[_version_pb2.AnsweredAt, _Mapping]] = ..., source_lsn: _Optional[str] = ..., lag_bytes: _Optional[int] = ..., feed: _Optional[_Union[FeedReport, _Mapping]] = ..., sizes: _Optional[_Union[GraphSizes, _Mapping]] = ..., cycles: _Optional[_Iterable[_Union[Cycle, _Mapping]]] = ..., kept_versions: _Optional[_Union[KeptVersions, _Mapping]] = ..., limits: _Optional[_Iterable[_Union[ServiceLimit, _Mapping]]] = ..., checkpoint: _Optional[_Union[CheckpointReport, _Mapping]] = ..., lag_transactions: _Optional[int] = ..., lag_ms: _Optional[int] = ..., digest: _Optional[_Union[Digest, _Mapping]] = ..., last_verify: _Optional[_Union[LastVerify, _Mapping]] = ..., projection: _Optional[_Union[ProjectionReport, _Mapping]] = ...) -> None: ...

class Digest(_message.Message):
    __slots__ = ("rows", "closure")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    CLOSURE_FIELD_NUMBER: _ClassVar[int]
    rows: str
    closure: str
    def __init__(self, rows: _Optional[str] = ..., closure: _Optional[str] = ...) -> None: ...

class LastVerify(_message.Message):
    __slots__ = ("age_ms", "version", "differences", "members_compared", "whole", "error")
    AGE_MS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCES_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_COMPARED_FIELD_NUMBER: _ClassVar[int]
    WHOLE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    age_ms: int
    version: _version_pb2.Version
    differences: int
    members_compared: int
    whole: bool
    error: str
    def __init__(self, age_ms: _Optional[int] = ..., version: _Optional[_Union[_version_pb2.Version, _Mapping]] = ..., differences: _Optional[int] = ..., members_compared: _Optional[int] = ..., whole: _Optional[bool] = ..., error: _Optional[str] = ...) -> None: ...

class ProjectionReport(_message.Message):
    __slots__ = ("table", "state", "version", "applied_lsn", "lag_ms", "retry_in_ms", "error", "error_age_ms")
    TABLE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    APPLIED_LSN_FIELD_NUMBER: _ClassVar[int]
    LAG_MS_FIELD_NUMBER: _ClassVar[int]
    RETRY_IN_MS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    ERROR_AGE_MS_FIELD_NUMBER: _ClassVar[int]
    table: str
    state: str
    version: _version_pb2.Version
    applied_lsn: str
    lag_ms: int
    retry_in_ms: int
    error: str
    error_age_ms: int
    def __init__(self, table: _Optional[str] = ..., state: _Optional[str] = ..., version: _Optional[_Union[_version_pb2.Version, _Mapping]] = ..., applied_lsn: _Optional[str] = ..., lag_ms: _Optional[int] = ..., retry_in_ms: _Optional[int] = ..., error: _Optional[str] = ..., error_age_ms: _Optional[int] = ...) -> None: ...

class CheckpointReport(_message.Message):
    __slots__ = ("directory", "start", "position", "age_ms", "bytes", "took_ms", "error")
    DIRECTORY_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    AGE_MS_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    TOOK_MS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    directory: str
    start: str
    position: str
    age_ms: int
    bytes: int
    took_ms: int
    error: str
    def __init__(self, directory: _Optional[str] = ..., start: _Optional[str] = ..., position: _Optional[str] = ..., age_ms: _Optional[int] = ..., bytes: _Optional[int] = ..., took_ms: _Optional[int] = ..., error: _Optional[str] = ...) -> None: ...

class FeedReport(_message.Message):
    __slots__ = ("state", "error", "rows_copied", "retry_in_ms", "slot", "publication", "reconnects", "copies")
    STATE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    ROWS_COPIED_FIELD_NUMBER: _ClassVar[int]
    RETRY_IN_MS_FIELD_NUMBER: _ClassVar[int]
    SLOT_FIELD_NUMBER: _ClassVar[int]
    PUBLICATION_FIELD_NUMBER: _ClassVar[int]
    RECONNECTS_FIELD_NUMBER: _ClassVar[int]
    COPIES_FIELD_NUMBER: _ClassVar[int]
    state: str
    error: str
    rows_copied: int
    retry_in_ms: int
    slot: str
    publication: str
    reconnects: int
    copies: int
    def __init__(self, state: _Optional[str] = ..., error: _Optional[str] = ..., rows_copied: _Optional[int] = ..., retry_in_ms: _Optional[int] = ..., slot: _Optional[str] = ..., publication: _Optional[str] = ..., reconnects: _Optional[int] = ..., copies: _Optional[int] = ...) -> None: ...

class GraphSizes(_message.Message):
    __slots__ = ("people", "teams", "memberships", "rows", "team_edges", "closure_pairs", "closure_materialised", "cycles", "teams_on_cycles", "self_memberships")
    PEOPLE_FIELD_NUMBER: _ClassVar[int]
    TEAMS_FIELD_NUMBER: _ClassVar[int]
    MEMBERSHIPS_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    TEAM_EDGES_FIELD_NUMBER: _ClassVar[int]
    CLOSURE_PAIRS_FIELD_NUMBER: _ClassVar[int]
    CLOSURE_MATERIALISED_FIELD_NUMBER: _ClassVar[int]
    CYCLES_FIELD_NUMBER: _ClassVar[int]
    TEAMS_ON_CYCLES_FIELD_NUMBER: _ClassVar[int]
    SELF_MEMBERSHIPS_FIELD_NUMBER: _ClassVar[int]
    people: int
    teams: int
    memberships: int
    rows: int
    team_edges: int
    closure_pairs: int
    closure_materialised: bool
    cycles: int
    teams_on_cycles: int
    self_memberships: int
    def __init__(self, people: _Optional[int] = ..., teams: _Optional[int] = ..., memberships: _Optional[int] = ..., rows: _Optional[int] = ..., team_edges: _Optional[int] = ..., closure_pairs: _Optional[int] = ..., closure_materialised: _Optional[bool] = ..., cycles: _Optional[int] = ..., teams_on_cycles: _Optional[int] = ..., self_memberships: _Optional[int] = ...) -> None: ...

class Cycle(_message.Message):
    __slots__ = ("teams", "team_count")
    TEAMS_FIELD_NUMBER: _ClassVar[int]
    TEAM_COUNT_FIELD_NUMBER: _ClassVar[int]
    teams: _containers.RepeatedCompositeFieldContainer[_member_pb2.Member]
    team_count: int
    def __init__(self, teams: _Optional[_Iterable[_Union[_member_pb2.Member, _Mapping]]] = ..., team_count: _Optional[int] = ...) -> None: ...

class KeptVersions(_message.Message):
    __slots__ = ("versions", "bytes")
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    versions: int
    bytes: int
    def __init__(self, versions: _Optional[int] = ..., bytes: _Optional[int] = ...) -> None: ...

class ServiceLimit(_message.Message):
    __slots__ = ("name", "value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: int
    def __init__(self, name: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
