from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class ProgressEvent(_message.Message):
    __slots__ = ("event_id", "job_id", "stage", "status", "seq", "ts", "progress", "result_json", "message", "content", "node", "traceparent")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    TS_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESULT_JSON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    job_id: str
    stage: str
    status: str
    seq: int
    ts: float
    progress: int
    result_json: str
    message: str
    content: str
    node: str
    traceparent: str
    def __init__(self, event_id: _Optional[str] = ..., job_id: _Optional[str] = ..., stage: _Optional[str] = ..., status: _Optional[str] = ..., seq: _Optional[int] = ..., ts: _Optional[float] = ..., progress: _Optional[int] = ..., result_json: _Optional[str] = ..., message: _Optional[str] = ..., content: _Optional[str] = ..., node: _Optional[str] = ..., traceparent: _Optional[str] = ...) -> None: ...
