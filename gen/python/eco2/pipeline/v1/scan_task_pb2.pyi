from eco2.scan.v1 import scan_pb2 as _scan_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ScanTask(_message.Message):
    __slots__ = ("job_id", "user_id", "image_url", "image_key", "image_content_type", "user_input", "model", "municipality", "submitted_at_ms", "deadline_ms", "vision", "rule", "answer")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    IMAGE_URL_FIELD_NUMBER: _ClassVar[int]
    IMAGE_KEY_FIELD_NUMBER: _ClassVar[int]
    IMAGE_CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    USER_INPUT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    MUNICIPALITY_FIELD_NUMBER: _ClassVar[int]
    SUBMITTED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_MS_FIELD_NUMBER: _ClassVar[int]
    VISION_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    user_id: str
    image_url: str
    image_key: str
    image_content_type: str
    user_input: str
    model: str
    municipality: str
    submitted_at_ms: int
    deadline_ms: int
    vision: VisionOutcome
    rule: RuleOutcome
    answer: AnswerOutcome
    def __init__(self, job_id: _Optional[str] = ..., user_id: _Optional[str] = ..., image_url: _Optional[str] = ..., image_key: _Optional[str] = ..., image_content_type: _Optional[str] = ..., user_input: _Optional[str] = ..., model: _Optional[str] = ..., municipality: _Optional[str] = ..., submitted_at_ms: _Optional[int] = ..., deadline_ms: _Optional[int] = ..., vision: _Optional[_Union[VisionOutcome, _Mapping]] = ..., rule: _Optional[_Union[RuleOutcome, _Mapping]] = ..., answer: _Optional[_Union[AnswerOutcome, _Mapping]] = ...) -> None: ...

class VisionOutcome(_message.Message):
    __slots__ = ("classification", "situation_tags", "confidence", "model_use")
    CLASSIFICATION_FIELD_NUMBER: _ClassVar[int]
    SITUATION_TAGS_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    MODEL_USE_FIELD_NUMBER: _ClassVar[int]
    classification: _scan_pb2.Classification
    situation_tags: _containers.RepeatedScalarFieldContainer[str]
    confidence: float
    model_use: _scan_pb2.ModelUse
    def __init__(self, classification: _Optional[_Union[_scan_pb2.Classification, _Mapping]] = ..., situation_tags: _Optional[_Iterable[str]] = ..., confidence: _Optional[float] = ..., model_use: _Optional[_Union[_scan_pb2.ModelUse, _Mapping]] = ...) -> None: ...

class RuleOutcome(_message.Message):
    __slots__ = ("document_id", "duration_ms")
    DOCUMENT_ID_FIELD_NUMBER: _ClassVar[int]
    DURATION_MS_FIELD_NUMBER: _ClassVar[int]
    document_id: str
    duration_ms: int
    def __init__(self, document_id: _Optional[str] = ..., duration_ms: _Optional[int] = ...) -> None: ...

class AnswerOutcome(_message.Message):
    __slots__ = ("disposal_steps", "insufficiencies", "user_answer", "model_use")
    DISPOSAL_STEPS_FIELD_NUMBER: _ClassVar[int]
    INSUFFICIENCIES_FIELD_NUMBER: _ClassVar[int]
    USER_ANSWER_FIELD_NUMBER: _ClassVar[int]
    MODEL_USE_FIELD_NUMBER: _ClassVar[int]
    disposal_steps: _containers.RepeatedScalarFieldContainer[str]
    insufficiencies: _containers.RepeatedScalarFieldContainer[str]
    user_answer: str
    model_use: _scan_pb2.ModelUse
    def __init__(self, disposal_steps: _Optional[_Iterable[str]] = ..., insufficiencies: _Optional[_Iterable[str]] = ..., user_answer: _Optional[str] = ..., model_use: _Optional[_Union[_scan_pb2.ModelUse, _Mapping]] = ...) -> None: ...
