from buf.validate import validate_pb2 as _validate_pb2
from eco2.options.v1 import options_pb2 as _options_pb2
from eco2.progress.v1 import progress_pb2 as _progress_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class WatchJobRequest(_message.Message):
    __slots__ = ("job_id", "last_event_id")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    LAST_EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    last_event_id: str
    def __init__(self, job_id: _Optional[str] = ..., last_event_id: _Optional[str] = ...) -> None: ...

class WatchJobResponse(_message.Message):
    __slots__ = ("event",)
    EVENT_FIELD_NUMBER: _ClassVar[int]
    event: _progress_pb2.ProgressEvent
    def __init__(self, event: _Optional[_Union[_progress_pb2.ProgressEvent, _Mapping]] = ...) -> None: ...
