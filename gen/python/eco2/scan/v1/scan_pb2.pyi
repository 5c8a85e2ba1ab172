import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Classification(_message.Message):
    __slots__ = ("major_category", "middle_category", "minor_category")
    MAJOR_CATEGORY_FIELD_NUMBER: _ClassVar[int]
    MIDDLE_CATEGORY_FIELD_NUMBER: _ClassVar[int]
    MINOR_CATEGORY_FIELD_NUMBER: _ClassVar[int]
    major_category: str
    middle_category: str
    minor_category: str
    def __init__(self, major_category: _Optional[str] = ..., middle_category: _Optional[str] = ..., minor_category: _Optional[str] = ...) -> None: ...

class ModelUse(_message.Message):
    __slots__ = ("provider", "model", "prompt_version", "input_tokens", "output_tokens", "duration_ms")
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROMPT_VERSION_FIELD_NUMBER: _ClassVar[int]
    INPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    DURATION_MS_FIELD_NUMBER: _ClassVar[int]
    provider: str
    model: str
    prompt_version: str
    input_tokens: int
    output_tokens: int
    duration_ms: int
    def __init__(self, provider: _Optional[str] = ..., model: _Optional[str] = ..., prompt_version: _Optional[str] = ..., input_tokens: _Optional[int] = ..., output_tokens: _Optional[int] = ..., duration_ms: _Optional[int] = ...) -> None: ...

class Reward(_message.Message):
    __slots__ = ("name", "dialog", "match_reason", "type")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DIALOG_FIELD_NUMBER: _ClassVar[int]
    MATCH_REASON_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    name: str
    dialog: str
    match_reason: str
    type: str
    def __init__(self, name: _Optional[str] = ..., dialog: _Optional[str] = ..., match_reason: _Optional[str] = ..., type: _Optional[str] = ...) -> None: ...

class ScanResult(_message.Message):
    __slots__ = ("classification", "situation_tags", "user_input", "rule_document_id", "disposal_steps", "insufficiencies", "user_answer", "reward", "vision_use", "answer_use")
    CLASSIFICATION_FIELD_NUMBER: _ClassVar[int]
    SITUATION_TAGS_FIELD_NUMBER: _ClassVar[int]
    USER_INPUT_FIELD_NUMBER: _ClassVar[int]
    RULE_DOCUMENT_ID_FIELD_NUMBER: _ClassVar[int]
    DISPOSAL_STEPS_FIELD_NUMBER: _ClassVar[int]
    INSUFFICIENCIES_FIELD_NUMBER: _ClassVar[int]
    USER_ANSWER_FIELD_NUMBER: _ClassVar[int]
    REWARD_FIELD_NUMBER: _ClassVar[int]
    VISION_USE_FIELD_NUMBER: _ClassVar[int]
    ANSWER_USE_FIELD_NUMBER: _ClassVar[int]
    classification: Classification
    situation_tags: _containers.RepeatedScalarFieldContainer[str]
    user_input: str
    rule_document_id: str
    disposal_steps: _containers.RepeatedScalarFieldContainer[str]
    insufficiencies: _containers.RepeatedScalarFieldContainer[str]
    user_answer: str
    reward: Reward
    vision_use: ModelUse
    answer_use: ModelUse
    def __init__(self, classification: _Optional[_Union[Classification, _Mapping]] = ..., situation_tags: _Optional[_Iterable[str]] = ..., user_input: _Optional[str] = ..., rule_document_id: _Optional[str] = ..., disposal_steps: _Optional[_Iterable[str]] = ..., insufficiencies: _Optional[_Iterable[str]] = ..., user_answer: _Optional[str] = ..., reward: _Optional[_Union[Reward, _Mapping]] = ..., vision_use: _Optional[_Union[ModelUse, _Mapping]] = ..., answer_use: _Optional[_Union[ModelUse, _Mapping]] = ...) -> None: ...

class Job(_message.Message):
    __slots__ = ("job_id", "user_id", "status", "image_url", "user_input", "result_json", "error_reason", "error_message", "created_at", "finished_at")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    IMAGE_URL_FIELD_NUMBER: _ClassVar[int]
    USER_INPUT_FIELD_NUMBER: _ClassVar[int]
    RESULT_JSON_FIELD_NUMBER: _ClassVar[int]
    ERROR_REASON_FIELD_NUMBER: _ClassVar[int]
    ERROR_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    FINISHED_AT_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    user_id: str
    status: str
    image_url: str
    user_input: str
    result_json: str
    error_reason: str
    error_message: str
    created_at: _timestamp_pb2.Timestamp
    finished_at: _timestamp_pb2.Timestamp
    def __init__(self, job_id: _Optional[str] = ..., user_id: _Optional[str] = ..., status: _Optional[str] = ..., image_url: _Optional[str] = ..., user_input: _Optional[str] = ..., result_json: _Optional[str] = ..., error_reason: _Optional[str] = ..., error_message: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., finished_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
