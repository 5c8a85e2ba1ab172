"""What the README does with grpcurl, for machines without it: list, describe and call a method.

    python -m tests.e2e.grpcurl -plaintext [-protoset FILE] [-H 'name: value'] [-d JSON]
        HOST:PORT [list | describe SYMBOL | SERVICE/METHOD]

Like grpcurl, and unlike every other client of ours, it knows no message beforehand: all it knows of
a method is what the server's reflection, or the descriptor set of ``-protoset``, says.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import (
    descriptor_database,
    descriptor_pb2,
    descriptor_pool,
    json_format,
    message_factory,
)
from google.protobuf.descriptor import ServiceDescriptor
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

SECONDS = 30.0


class ProtoSet(descriptor_database.DescriptorDatabase):
    """Descriptors of a file."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._files = descriptor_pb2.FileDescriptorSet.FromString(file.read_bytes()).file
        for each in self._files:
            self.Add(each)

    def get_services(self) -> list[str]:
        """Full names of the services."""
        return [f"{one.package}.{service.name}" for one in self._files for service in one.service]


def main() -> int:
    """Do what the command line says; exit code 1 and the status when a call fails."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("-plaintext", action="store_true", required=True)
    parser.add_argument("-protoset", type=Path)
    parser.add_argument("-H", action="append", default=[], dest="headers")
    parser.add_argument("-d", default="{}", dest="data")
    parser.add_argument("address")
    parser.add_argument("words", nargs="+")
    given = parser.parse_args()
    with grpc.insecure_channel(given.address) as channel:
        database: Any = (
            ProtoSet(given.protoset)
            if given.protoset
            else ProtoReflectionDescriptorDatabase(channel)
        )
        pool = descriptor_pool.DescriptorPool(database)
        match given.words:
            case ["list"]:
                print(*sorted(database.get_services()), sep="\n")
            case ["describe", symbol]:
                print(described(pool.FindServiceByName(symbol)))
            case [method]:
                headers = (header.partition(": ") for header in given.headers)
                metadata = tuple((name.lower(), value) for name, _, value in headers)
                try:
                    print(called(channel, pool, method, given.data, metadata))
                except grpc.RpcError as error:
                    print(f"ERROR:\n  Code: {error}", file=sys.stderr)
                    return 1
            case _:
                parser.error("list, describe SYMBOL or SERVICE/METHOD")
    return 0


def described(service: ServiceDescriptor) -> str:
    """A service as it stands in its proto file, without comments."""
    lines = []
    for method in service.methods:
        returned = f"{'stream ' if method.server_streaming else ''}.{method.output_type.full_name}"
        lines.append(
            f"  rpc {method.name} ( .{method.input_type.full_name} ) returns ( {returned} );"
        )
    return "\n".join(
        (f"{service.full_name} is a service:", f"service {service.name} {{", *lines, "}")
    )


def called(
    channel: grpc.Channel,
    pool: descriptor_pool.DescriptorPool,
    path: str,
    data: str,
    metadata: tuple[tuple[str, str], ...],
) -> str:
    """The response of a unary call as JSON. Raises grpc.RpcError."""
    service, _, name = path.partition("/")
    method = pool.FindServiceByName(service).methods_by_name[name]
    request = json_format.Parse(data, message_factory.GetMessageClass(method.input_type)())
    call = channel.unary_unary(
        f"/{path}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=message_factory.GetMessageClass(method.output_type).FromString,
    )
    response = call(request, timeout=SECONDS, metadata=metadata)
    return json_format.MessageToJson(response, indent=2, ensure_ascii=False)


if __name__ == "__main__":
    sys.exit(main())
