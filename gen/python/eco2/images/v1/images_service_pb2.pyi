from buf.validate import validate_pb2 as _validate_pb2
from eco2.options.v1 import options_pb2 as _options_pb2
from google.api import annotations_pb2 as _annotations_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateUploadRequest(_message.Message):
    __slots__ = ("channel", "filename", "content_type", "uploader_id", "metadata")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    FILENAME_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    UPLOADER_ID_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    channel: str
    filename: str
    content_type: str
    uploader_id: str
    metadata: _struct_pb2.Struct
    def __init__(self, channel: _Optional[str] = ..., filename: _Optional[str] = ..., content_type: _Optional[str] = ..., uploader_id: _Optional[str] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class CreateUploadResponse(_message.Message):
    __slots__ = ("key", "upload_url", "cdn_url", "expires_in", "required_headers")
    class RequiredHeadersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    KEY_FIELD_NUMBER: _ClassVar[int]
    UPLOAD_URL_FIELD_NUMBER: _ClassVar[int]
    CDN_URL_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_IN_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_HEADERS_FIELD_NUMBER: _ClassVar[int]
    key: str
    upload_url: str
    cdn_url: str
    expires_in: int
    required_headers: _containers.ScalarMap[str, str]
    def __init__(self, key: _Optional[str] = ..., upload_url: _Optional[str] = ..., cdn_url: _Optional[str] = ..., expires_in: _Optional[int] = ..., required_headers: _Optional[_Mapping[str, str]] = ...) -> None: ...

class FinalizeUploadRequest(_message.Message):
    __slots__ = ("channel", "key", "etag", "content_length", "checksum")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    CONTENT_LENGTH_FIELD_NUMBER: _ClassVar[int]
    CHECKSUM_FIELD_NUMBER: _ClassVar[int]
    channel: str
    key: str
    etag: str
    content_length: int
    checksum: str
    def __init__(self, channel: _Optional[str] = ..., key: _Optional[str] = ..., etag: _Optional[str] = ..., content_length: _Optional[int] = ..., checksum: _Optional[str] = ...) -> None: ...

class FinalizeUploadResponse(_message.Message):
    __slots__ = ("key", "channel", "cdn_url", "uploader_id", "metadata", "etag", "content_type")
    KEY_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    CDN_URL_FIELD_NUMBER: _ClassVar[int]
    UPLOADER_ID_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    key: str
    channel: str
    cdn_url: str
    uploader_id: str
    metadata: _struct_pb2.Struct
    etag: str
    content_type: str
    def __init__(self, key: _Optional[str] = ..., channel: _Optional[str] = ..., cdn_url: _Optional[str] = ..., uploader_id: _Optional[str] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., etag: _Optional[str] = ..., content_type: _Optional[str] = ...) -> None: ...

class InspectImageRequest(_message.Message):
    __slots__ = ("image_url",)
    IMAGE_URL_FIELD_NUMBER: _ClassVar[int]
    image_url: str
    def __init__(self, image_url: _Optional[str] = ...) -> None: ...

class InspectImageResponse(_message.Message):
    __slots__ = ("key", "content_type", "size_bytes")
    KEY_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    key: str
    content_type: str
    size_bytes: int
    def __init__(self, key: _Optional[str] = ..., content_type: _Optional[str] = ..., size_bytes: _Optional[int] = ...) -> None: ...
