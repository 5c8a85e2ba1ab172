import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RewardGranted(_message.Message):
    __slots__ = ("user_id", "character_id", "character_code", "character_name", "character_type", "character_dialog", "source", "job_id", "granted_at")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    CHARACTER_ID_FIELD_NUMBER: _ClassVar[int]
    CHARACTER_CODE_FIELD_NUMBER: _ClassVar[int]
    CHARACTER_NAME_FIELD_NUMBER: _ClassVar[int]
    CHARACTER_TYPE_FIELD_NUMBER: _ClassVar[int]
    CHARACTER_DIALOG_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    GRANTED_AT_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    character_id: str
    character_code: str
    character_name: str
    character_type: str
    character_dialog: str
    source: str
    job_id: str
    granted_at: _timestamp_pb2.Timestamp
    def __init__(self, user_id: _Optional[str] = ..., character_id: _Optional[str] = ..., character_code: _Optional[str] = ..., character_name: _Optional[str] = ..., character_type: _Optional[str] = ..., character_dialog: _Optional[str] = ..., source: _Optional[str] = ..., job_id: _Optional[str] = ..., granted_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
