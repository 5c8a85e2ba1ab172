import datetime

from buf.validate import validate_pb2 as _validate_pb2
from eco2.options.v1 import options_pb2 as _options_pb2
from eco2.scan.v1 import scan_pb2 as _scan_pb2
from google.api import annotations_pb2 as _annotations_pb2
from google.api import httpbody_pb2 as _httpbody_pb2
from google.protobuf import empty_pb2 as _empty_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SubmitScanRequest(_message.Message):
    __slots__ = ("image_url", "user_input", "model", "municipality")
    IMAGE_URL_FIELD_NUMBER: _ClassVar[int]
    USER_INPUT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    MUNICIPALITY_FIELD_NUMBER: _ClassVar[int]
    image_url: str
    user_input: str
    model: str
    municipality: str
    def __init__(self, image_url: _Optional[str] = ..., user_input: _Optional[str] = ..., model: _Optional[str] = ..., municipality: _Optional[str] = ...) -> None: ...

class SubmitScanResponse(_message.Message):
    __slots__ = ("job_id", "stream_url", "result_url", "status")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    STREAM_URL_FIELD_NUMBER: _ClassVar[int]
    RESULT_URL_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    stream_url: str
    result_url: str
    status: str
    def __init__(self, job_id: _Optional[str] = ..., stream_url: _Optional[str] = ..., result_url: _Optional[str] = ..., status: _Optional[str] = ...) -> None: ...

class GetScanResultRequest(_message.Message):
    __slots__ = ("job_id",)
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    def __init__(self, job_id: _Optional[str] = ...) -> None: ...

class GetScanResultResponse(_message.Message):
    __slots__ = ("status", "result", "error_reason", "error_message")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    ERROR_REASON_FIELD_NUMBER: _ClassVar[int]
    ERROR_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    status: str
    result: _scan_pb2.ScanResult
    error_reason: str
    error_message: str
    def __init__(self, status: _Optional[str] = ..., result: _Optional[_Union[_scan_pb2.ScanResult, _Mapping]] = ..., error_reason: _Optional[str] = ..., error_message: _Optional[str] = ...) -> None: ...

class GetScanResultDocumentRequest(_message.Message):
    __slots__ = ("job_id",)
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    def __init__(self, job_id: _Optional[str] = ...) -> None: ...

class ListCategoriesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListCategoriesResponse(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Category]
    def __init__(self, items: _Optional[_Iterable[_Union[Category, _Mapping]]] = ...) -> None: ...

class Category(_message.Message):
    __slots__ = ("id", "name", "display_name", "instructions")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    INSTRUCTIONS_FIELD_NUMBER: _ClassVar[int]
    id: int
    name: str
    display_name: str
    instructions: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[int] = ..., name: _Optional[str] = ..., display_name: _Optional[str] = ..., instructions: _Optional[_Iterable[str]] = ...) -> None: ...

class ListMyScansRequest(_message.Message):
    __slots__ = ("limit", "cursor")
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    limit: int
    cursor: str
    def __init__(self, limit: _Optional[int] = ..., cursor: _Optional[str] = ...) -> None: ...

class ListMyScansResponse(_message.Message):
    __slots__ = ("scans", "next_cursor")
    SCANS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    scans: _containers.RepeatedCompositeFieldContainer[ScanSummary]
    next_cursor: str
    def __init__(self, scans: _Optional[_Iterable[_Union[ScanSummary, _Mapping]]] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class ScanSummary(_message.Message):
    __slots__ = ("job_id", "status", "image_url", "classification", "reward_name", "created_at")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    IMAGE_URL_FIELD_NUMBER: _ClassVar[int]
    CLASSIFICATION_FIELD_NUMBER: _ClassVar[int]
    REWARD_NAME_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    status: str
    image_url: str
    classification: _scan_pb2.Classification
    reward_name: str
    created_at: _timestamp_pb2.Timestamp
    def __init__(self, job_id: _Optional[str] = ..., status: _Optional[str] = ..., image_url: _Optional[str] = ..., classification: _Optional[_Union[_scan_pb2.Classification, _Mapping]] = ..., reward_name: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CancelScanRequest(_message.Message):
    __slots__ = ("job_id",)
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    def __init__(self, job_id: _Optional[str] = ...) -> None: ...

class SubmitCorrectionRequest(_message.Message):
    __slots__ = ("job_id", "classification", "comment")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    CLASSIFICATION_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    classification: _scan_pb2.Classification
    comment: str
    def __init__(self, job_id: _Optional[str] = ..., classification: _Optional[_Union[_scan_pb2.Classification, _Mapping]] = ..., comment: _Optional[str] = ...) -> None: ...

class SubmitCorrectionResponse(_message.Message):
    __slots__ = ("job_id", "status")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    status: str
    def __init__(self, job_id: _Optional[str] = ..., status: _Optional[str] = ...) -> None: ...

class GetJobRequest(_message.Message):
    __slots__ = ("job_id",)
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    def __init__(self, job_id: _Optional[str] = ...) -> None: ...

class GetJobResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: _scan_pb2.Job
    def __init__(self, job: _Optional[_Union[_scan_pb2.Job, _Mapping]] = ...) -> None: ...

class CompleteJobRequest(_message.Message):
    __slots__ = ("job_id", "result")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    result: _scan_pb2.ScanResult
    def __init__(self, job_id: _Optional[str] = ..., result: _Optional[_Union[_scan_pb2.ScanResult, _Mapping]] = ...) -> None: ...

class CompleteJobResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: _scan_pb2.Job
    def __init__(self, job: _Optional[_Union[_scan_pb2.Job, _Mapping]] = ...) -> None: ...

class FailJobRequest(_message.Message):
    __slots__ = ("job_id", "reason", "stage")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    reason: str
    stage: str
    def __init__(self, job_id: _Optional[str] = ..., reason: _Optional[str] = ..., stage: _Optional[str] = ...) -> None: ...

class FailJobResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: _scan_pb2.Job
    def __init__(self, job: _Optional[_Union[_scan_pb2.Job, _Mapping]] = ...) -> None: ...
