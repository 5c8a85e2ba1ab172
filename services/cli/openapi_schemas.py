"""JSON Schemas (2020-12, as OpenAPI 3.1 uses them) of protobuf messages as the edge prints them.

Members are named as in proto. A response shows every plain field, so those are required there; a
request needs only what its ``buf.validate`` rules demand. A message that is used both ways gets two
schemas when they differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

from buf.validate import validate_pb2
from google.protobuf import descriptor_pb2

Json = dict[str, Any]
Use = Literal["request", "response"]

_Field = descriptor_pb2.FieldDescriptorProto

_INT32: Final[Json] = {"type": "integer", "format": "int32"}
_UINT32: Final[Json] = {"type": "integer", "format": "uint32"}
_INT64: Final[Json] = {"type": "string", "format": "int64"}

_SCALARS: Final[Mapping[int, Json]] = {
    _Field.TYPE_STRING: {"type": "string"},
    _Field.TYPE_BOOL: {"type": "boolean"},
    _Field.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
    _Field.TYPE_DOUBLE: {"type": "number", "format": "double"},
    _Field.TYPE_FLOAT: {"type": "number", "format": "float"},
    _Field.TYPE_INT32: _INT32,
    _Field.TYPE_SINT32: _INT32,
    _Field.TYPE_SFIXED32: _INT32,
    _Field.TYPE_UINT32: _UINT32,
    _Field.TYPE_FIXED32: _UINT32,
    # 64 bits are printed as text (protobuf's JSON mapping); public messages avoid them.
    _Field.TYPE_INT64: _INT64,
    _Field.TYPE_SINT64: _INT64,
    _Field.TYPE_SFIXED64: _INT64,
    _Field.TYPE_UINT64: _INT64,
    _Field.TYPE_FIXED64: _INT64,
}

_WELL_KNOWN: Final[Mapping[str, Json]] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Duration": {"type": "string", "pattern": r"^-?\d+(\.\d+)?s$"},
    "google.protobuf.Struct": {"type": "object", "additionalProperties": True},
    "google.protobuf.Value": {},
    "google.protobuf.ListValue": {"type": "array", "items": {}},
    "google.protobuf.Empty": {"type": "object", "additionalProperties": False},
    "google.api.HttpBody": {},
}

_FORMATS: Final[Mapping[str, str]] = {
    "uuid": "uuid",
    "uri": "uri",
    "email": "email",
    "hostname": "hostname",
    "ipv4": "ipv4",
    "ipv6": "ipv6",
}


class Source:
    """Messages, enums and comments of a descriptor set by full name."""

    def __init__(self, files: descriptor_pb2.FileDescriptorSet) -> None:
        self.messages: dict[str, descriptor_pb2.DescriptorProto] = {}
        self.enums: dict[str, descriptor_pb2.EnumDescriptorProto] = {}
        self.methods: dict[str, descriptor_pb2.MethodDescriptorProto] = {}
        self.comments: dict[str, str] = {}
        for file in files.file:
            texts = {
                tuple(location.path): location.leading_comments
                for location in file.source_code_info.location
            }
            for index, message in enumerate(file.message_type):
                self._message(f"{file.package}.{message.name}", message, (4, index), texts)
            for enum in file.enum_type:
                self.enums[f"{file.package}.{enum.name}"] = enum
            for index, service in enumerate(file.service):
                name = f"{file.package}.{service.name}"
                self.comments[name] = texts.get((6, index), "")
                for at, method in enumerate(service.method):
                    self.methods[f"{name}.{method.name}"] = method
                    self.comments[f"{name}.{method.name}"] = texts.get((6, index, 2, at), "")

    def _message(
        self,
        name: str,
        message: descriptor_pb2.DescriptorProto,
        path: tuple[int, ...],
        texts: Mapping[tuple[int, ...], str],
    ) -> None:
        self.messages[name] = message
        self.comments[name] = texts.get(path, "")
        for index, field in enumerate(message.field):
            self.comments[f"{name}.{field.name}"] = texts.get((*path, 2, index), "")
        for index, nested in enumerate(message.nested_type):
            self._message(f"{name}.{nested.name}", nested, (*path, 3, index), texts)
        for enum in message.enum_type:
            self.enums[f"{name}.{enum.name}"] = enum

    def comment(self, name: str) -> str:
        """Comment of a message, field, service or method, without line breaks of its own."""
        lines = (line.strip() for line in self.comments.get(name, "").strip().splitlines())
        return " ".join(line for line in lines if not line.startswith("buf:lint:"))


class Schemas:
    """Makes schemas and collects those that others refer to."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._made: dict[tuple[str, Use], Json] = {}

    def reference(self, message: str, use: Use) -> Json:
        """Schema of a message type: inline for well-known types, a reference for ours."""
        if message in _WELL_KNOWN:
            return dict(_WELL_KNOWN[message])
        if (message, use) not in self._made:
            self._made[message, use] = {}  # keeps recursive messages from recursing here
            self._made[message, use] = self._object(message, use)
        return {"$ref": f"#/components/schemas/{_component(message, use)}"}

    def components(self) -> Json:
        """Every schema referred to, by component name."""
        return {
            _component(message, use): schema
            for (message, use), schema in sorted(self._made.items())
        }

    def object(self, message: str, use: Use, without: Iterable[str] = ()) -> Json:
        """Inline schema of a message, some fields left out."""
        return self._object(message, use, frozenset(without))

    def field(self, message: str, name: str, use: Use) -> tuple[Json, bool]:
        """Schema of one field, and whether it is required."""
        found = next(f for f in self._source.messages[message].field if f.name == name)
        return self._field(message, found, use), _required(found, use)

    def has_rules(self, message: str) -> bool:
        """Whether a request of this message can break a rule."""
        return any(_rules(field).ByteSize() for field in self._source.messages[message].field)

    def _object(self, message: str, use: Use, without: frozenset[str] = frozenset()) -> Json:
        fields = [f for f in self._source.messages[message].field if f.name not in without]
        schema: Json = {
            "type": "object",
            "properties": {f.name: self._field(message, f, use) for f in fields},
        }
        required = [f.name for f in fields if _required(f, use)]
        if required:
            schema["required"] = required
        comment = self._source.comment(message)
        return {"description": comment, **schema} if comment else schema

    def _field(self, message: str, field: _Field, use: Use) -> Json:
        rules = _rules(field)
        comment = self._source.comment(f"{message}.{field.name}")
        described: Json = {"description": comment} if comment else {}
        if field.label != _Field.LABEL_REPEATED:
            return {**described, **_with_rules(self._type(field, use), field, rules)}
        entry = self._source.messages.get(field.type_name[1:])
        if entry is not None and entry.options.map_entry:
            value = self._type(entry.field[1], use)
            return {**described, "type": "object", "additionalProperties": value}
        items = _with_rules(self._type(field, use), field, rules.repeated.items)
        limits: Json = {}
        if rules.repeated.HasField("min_items"):
            limits["minItems"] = rules.repeated.min_items
        if rules.repeated.HasField("max_items"):
            limits["maxItems"] = rules.repeated.max_items
        if rules.repeated.unique:
            limits["uniqueItems"] = True
        return {**described, "type": "array", "items": items, **limits}

    def _type(self, field: _Field, use: Use) -> Json:
        if field.type == _Field.TYPE_MESSAGE:
            return self.reference(field.type_name[1:], use)
        if field.type == _Field.TYPE_ENUM:
            enum = self._source.enums[field.type_name[1:]]
            return {"type": "string", "enum": [value.name for value in enum.value]}
        return dict(_SCALARS[field.type])


def _component(message: str, use: Use) -> str:
    """``eco2.scan.v1.Job`` → ``scan.Job``; requests' parts end in ``Input`` unless they say so."""
    parts = message.split(".")
    name = f"{parts[1]}.{''.join(parts[3:])}" if parts[0] == "eco2" else message
    return name if use == "response" or name.endswith("Request") else f"{name}Input"


def _rules(field: _Field) -> validate_pb2.FieldRules:
    extensions: Any = field.options.Extensions  # the generated types do not know extensions
    rules: validate_pb2.FieldRules = extensions[validate_pb2.field]
    return rules


def _required(field: _Field, use: Use) -> bool:
    """Whether the member is always there (response) or has to be (request)."""
    if use == "response":
        message = field.type == _Field.TYPE_MESSAGE and field.label != _Field.LABEL_REPEATED
        return not message and not field.proto3_optional and not field.HasField("oneof_index")
    rules = _rules(field)
    if rules.required:
        return True
    if field.proto3_optional or rules.ignore == validate_pb2.IGNORE_IF_ZERO_VALUE:
        return False
    text = rules.string
    one_of = bool(getattr(text, "in"))  # a Python keyword
    return bool(text.min_len or text.uuid or one_of or rules.repeated.min_items)


def _with_rules(schema: Json, field: _Field, rules: validate_pb2.FieldRules) -> Json:
    """The schema narrowed by the field's rules; `rules` of items for a repeated field."""
    kind = rules.WhichOneof("type")
    if kind == "string":
        return {**schema, **_string_rules(rules.string)}
    if kind in ("int32", "uint32", "sint32", "float", "double"):
        return {**schema, **_number_rules(getattr(rules, kind))}
    return schema


def _string_rules(rules: validate_pb2.StringRules) -> Json:
    found: Json = {}
    if rules.HasField("min_len"):
        found["minLength"] = rules.min_len
    if rules.HasField("max_len"):
        found["maxLength"] = rules.max_len
    if rules.HasField("len"):
        found["minLength"] = found["maxLength"] = rules.len
    if rules.HasField("const"):
        found["const"] = rules.const
    if rules.pattern:
        found["pattern"] = rules.pattern
    allowed = list(getattr(rules, "in"))
    if allowed:
        found["enum"] = allowed
    known = rules.WhichOneof("well_known")
    if known is not None and known in _FORMATS:
        found["format"] = _FORMATS[known]
    return found


def _number_rules(rules: Any) -> Json:
    keywords = (
        ("gte", "minimum"),
        ("gt", "exclusiveMinimum"),
        ("lte", "maximum"),
        ("lt", "exclusiveMaximum"),
        ("const", "const"),
    )
    found: Json = {key: getattr(rules, rule) for rule, key in keywords if rules.HasField(rule)}
    allowed = list(getattr(rules, "in"))
    if allowed:
        found["enum"] = allowed
    return found
