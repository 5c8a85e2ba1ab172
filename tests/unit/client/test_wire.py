"""The client SDK and the servers' stubs write and read the same bytes, for every message."""

from __future__ import annotations

import importlib
from typing import Any

import betterproto2
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from hypothesis import given, settings
from hypothesis import strategies as st

from services.cli.gen import our_protos

PACKAGES = sorted({name.rsplit("/", 1)[0] for name in our_protos()})
for _proto in our_protos():
    importlib.import_module(_proto.removesuffix(".proto").replace("/", ".") + "_pb2")


def _messages() -> list[Descriptor]:
    pool = descriptor_pool.Default()
    found: list[Descriptor] = []
    for proto in our_protos():
        file = pool.FindFileByName(proto)
        found.extend(file.message_types_by_name.values())
    return found


MESSAGES = _messages()
_INTEGER_BITS = {
    FieldDescriptor.TYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_INT64: (-(2**63), 2**63 - 1),
}


def _scalar(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    if field.type in _INTEGER_BITS:
        low, high = _INTEGER_BITS[field.type]
        return st.integers(low, high)
    if field.type == FieldDescriptor.TYPE_BOOL:
        return st.booleans()
    if field.type == FieldDescriptor.TYPE_STRING:
        return st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    if field.type == FieldDescriptor.TYPE_DOUBLE:
        return st.floats(allow_nan=False)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return st.binary(max_size=8)
    if field.type == FieldDescriptor.TYPE_ENUM and field.enum_type is not None:
        return st.sampled_from([value.number for value in field.enum_type.values])
    raise AssertionError(f"{field.full_name}: type {field.type} has no strategy")


def _filled(descriptor: Descriptor, data: st.DataObject, depth: int = 0) -> Any:
    """A message of the servers' runtime with fields drawn at random."""
    message: Any = message_factory.GetMessageClass(descriptor)()
    if descriptor.full_name == "google.protobuf.Timestamp":
        message.seconds = data.draw(st.integers(0, 4_102_444_800))
        message.nanos = data.draw(st.integers(0, 999)) * 1_000_000
        return message
    if descriptor.full_name == "google.protobuf.Struct":
        json_format.ParseDict(data.draw(st.dictionaries(st.text("ab"), st.booleans())), message)
        return message
    for field in descriptor.fields:
        if not data.draw(st.booleans()):
            continue
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            getattr(message, field.name).update(
                data.draw(st.dictionaries(st.text("ab", max_size=3), st.text("cd", max_size=3)))
            )
        elif field.message_type is not None:
            if depth > 2:
                continue
            inner = _filled(field.message_type, data, depth + 1)
            if field.is_repeated:
                getattr(message, field.name).append(inner)
            else:
                getattr(message, field.name).CopyFrom(inner)
        elif field.is_repeated:
            getattr(message, field.name).extend(data.draw(st.lists(_scalar(field), max_size=3)))
        else:
            setattr(message, field.name, data.draw(_scalar(field)))
    return message


def _client_class(descriptor: Descriptor) -> type[betterproto2.Message]:
    module = importlib.import_module(f"eco2_client.{descriptor.file.package}")
    found: type[betterproto2.Message] = getattr(module, descriptor.name)
    return found


@pytest.mark.parametrize("descriptor", MESSAGES, ids=lambda descriptor: descriptor.full_name)
def test_both_runtimes_agree_on_the_wire(descriptor: Descriptor) -> None:
    server = message_factory.GetMessageClass(descriptor)
    client = _client_class(descriptor)

    @settings(max_examples=15, deadline=None)
    @given(st.data())
    def agree(data: st.DataObject) -> None:
        original = _filled(descriptor, data)
        again = bytes(client.parse(original.SerializeToString()))
        assert server.FromString(again) == original

    agree()


def test_every_package_is_in_the_client() -> None:
    for package in PACKAGES:
        importlib.import_module("eco2_client." + package.replace("/", "."))


def test_the_committed_descriptor_set_holds_every_file_of_ours() -> None:
    from services.cli.gen import ROOT

    committed = descriptor_pb2.FileDescriptorSet.FromString(
        (ROOT / "gen" / "descriptor" / "eco2.binpb").read_bytes()
    )
    assert {file.name for file in committed.file} >= set(our_protos())
