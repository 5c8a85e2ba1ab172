from buf.validate import validate_pb2 as _validate_pb2
from eco2.options.v1 import options_pb2 as _options_pb2
from google.api import annotations_pb2 as _annotations_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Character(_message.Message):
    __slots__ = ("character_id", "code", "name", "type", "dialog")
    CHARACTER_ID_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    DIALOG_FIELD_NUMBER: _ClassVar[int]
    character_id: str
    code: str
    name: str
    type: str
    dialog: str
    def __init__(self, character_id: _Optional[str] = ..., code: _Optional[str] = ..., name: _Optional[str] = ..., type: _Optional[str] = ..., dialog: _Optional[str] = ...) -> None: ...

class ListCatalogRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListCatalogResponse(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[CatalogEntry]
    def __init__(self, items: _Optional[_Iterable[_Union[CatalogEntry, _Mapping]]] = ...) -> None: ...

class CatalogEntry(_message.Message):
    __slots__ = ("name", "type", "dialog", "match")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    DIALOG_FIELD_NUMBER: _ClassVar[int]
    MATCH_FIELD_NUMBER: _ClassVar[int]
    name: str
    type: str
    dialog: str
    match: str
    def __init__(self, name: _Optional[str] = ..., type: _Optional[str] = ..., dialog: _Optional[str] = ..., match: _Optional[str] = ...) -> None: ...

class MatchCharacterRequest(_message.Message):
    __slots__ = ("major_category", "middle_category", "minor_category", "disposal_rules_present", "insufficiencies_present")
    MAJOR_CATEGORY_FIELD_NUMBER: _ClassVar[int]
    MIDDLE_CATEGORY_FIELD_NUMBER: _ClassVar[int]
    MINOR_CATEGORY_FIELD_NUMBER: _ClassVar[int]
    DISPOSAL_RULES_PRESENT_FIELD_NUMBER: _ClassVar[int]
    INSUFFICIENCIES_PRESENT_FIELD_NUMBER: _ClassVar[int]
    major_category: str
    middle_category: str
    minor_category: str
    disposal_rules_present: bool
    insufficiencies_present: bool
    def __init__(self, major_category: _Optional[str] = ..., middle_category: _Optional[str] = ..., minor_category: _Optional[str] = ..., disposal_rules_present: _Optional[bool] = ..., insufficiencies_present: _Optional[bool] = ...) -> None: ...

class MatchCharacterResponse(_message.Message):
    __slots__ = ("character", "match_reason")
    CHARACTER_FIELD_NUMBER: _ClassVar[int]
    MATCH_REASON_FIELD_NUMBER: _ClassVar[int]
    character: Character
    match_reason: str
    def __init__(self, character: _Optional[_Union[Character, _Mapping]] = ..., match_reason: _Optional[str] = ...) -> None: ...

class GetDefaultCharacterRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetDefaultCharacterResponse(_message.Message):
    __slots__ = ("character",)
    CHARACTER_FIELD_NUMBER: _ClassVar[int]
    character: Character
    def __init__(self, character: _Optional[_Union[Character, _Mapping]] = ...) -> None: ...
