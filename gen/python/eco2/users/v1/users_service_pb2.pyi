import datetime

from buf.validate import validate_pb2 as _validate_pb2
from eco2.options.v1 import options_pb2 as _options_pb2
from eco2.users.v1 import user_pb2 as _user_pb2
from google.api import annotations_pb2 as _annotations_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetMeRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetMeResponse(_message.Message):
    __slots__ = ("username", "display_name", "nickname", "phone_number", "provider", "last_login_at")
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    NICKNAME_FIELD_NUMBER: _ClassVar[int]
    PHONE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    LAST_LOGIN_AT_FIELD_NUMBER: _ClassVar[int]
    username: str
    display_name: str
    nickname: str
    phone_number: str
    provider: str
    last_login_at: _timestamp_pb2.Timestamp
    def __init__(self, username: _Optional[str] = ..., display_name: _Optional[str] = ..., nickname: _Optional[str] = ..., phone_number: _Optional[str] = ..., provider: _Optional[str] = ..., last_login_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListMyCharactersRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListMyCharactersResponse(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[_user_pb2.OwnedCharacter]
    def __init__(self, items: _Optional[_Iterable[_Union[_user_pb2.OwnedCharacter, _Mapping]]] = ...) -> None: ...

class GetOwnershipRequest(_message.Message):
    __slots__ = ("character_name",)
    CHARACTER_NAME_FIELD_NUMBER: _ClassVar[int]
    character_name: str
    def __init__(self, character_name: _Optional[str] = ...) -> None: ...

class GetOwnershipResponse(_message.Message):
    __slots__ = ("character_name", "owned")
    CHARACTER_NAME_FIELD_NUMBER: _ClassVar[int]
    OWNED_FIELD_NUMBER: _ClassVar[int]
    character_name: str
    owned: bool
    def __init__(self, character_name: _Optional[str] = ..., owned: _Optional[bool] = ...) -> None: ...

class GetOrCreateFromOAuthRequest(_message.Message):
    __slots__ = ("provider", "provider_user_id", "email", "name", "nickname", "profile_image_url")
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_USER_ID_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    NICKNAME_FIELD_NUMBER: _ClassVar[int]
    PROFILE_IMAGE_URL_FIELD_NUMBER: _ClassVar[int]
    provider: str
    provider_user_id: str
    email: str
    name: str
    nickname: str
    profile_image_url: str
    def __init__(self, provider: _Optional[str] = ..., provider_user_id: _Optional[str] = ..., email: _Optional[str] = ..., name: _Optional[str] = ..., nickname: _Optional[str] = ..., profile_image_url: _Optional[str] = ...) -> None: ...

class GetOrCreateFromOAuthResponse(_message.Message):
    __slots__ = ("user", "created")
    USER_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    user: _user_pb2.User
    created: bool
    def __init__(self, user: _Optional[_Union[_user_pb2.User, _Mapping]] = ..., created: _Optional[bool] = ...) -> None: ...

class GetUserRequest(_message.Message):
    __slots__ = ("user_id",)
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    def __init__(self, user_id: _Optional[str] = ...) -> None: ...

class GetUserResponse(_message.Message):
    __slots__ = ("user",)
    USER_FIELD_NUMBER: _ClassVar[int]
    user: _user_pb2.User
    def __init__(self, user: _Optional[_Union[_user_pb2.User, _Mapping]] = ...) -> None: ...

class GrantCharactersRequest(_message.Message):
    __slots__ = ("grants",)
    GRANTS_FIELD_NUMBER: _ClassVar[int]
    grants: _containers.RepeatedCompositeFieldContainer[CharacterGrant]
    def __init__(self, grants: _Optional[_Iterable[_Union[CharacterGrant, _Mapping]]] = ...) -> None: ...

class CharacterGrant(_message.Message):
    __slots__ = ("user_id", "character_id", "code", "name", "type", "dialog", "source", "granted_at")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    CHARACTER_ID_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    DIALOG_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    GRANTED_AT_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    character_id: str
    code: str
    name: str
    type: str
    dialog: str
    source: str
    granted_at: _timestamp_pb2.Timestamp
    def __init__(self, user_id: _Optional[str] = ..., character_id: _Optional[str] = ..., code: _Optional[str] = ..., name: _Optional[str] = ..., type: _Optional[str] = ..., dialog: _Optional[str] = ..., source: _Optional[str] = ..., granted_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GrantCharactersResponse(_message.Message):
    __slots__ = ("granted", "already_owned", "dropped")
    GRANTED_FIELD_NUMBER: _ClassVar[int]
    ALREADY_OWNED_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    granted: int
    already_owned: int
    dropped: int
    def __init__(self, granted: _Optional[int] = ..., already_owned: _Optional[int] = ..., dropped: _Optional[int] = ...) -> None: ...
