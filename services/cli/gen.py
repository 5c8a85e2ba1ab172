"""``eco2 gen``: everything that is generated from ``proto/``, in one go.

Steps: compile ``proto/`` to Python (google.protobuf messages, grpc.aio stubs and their ``.pyi``),
to the betterproto2 client SDK, and to the descriptor set the edge is built from; make the OpenAPI
documents of the latter. The files of others that ours import come from installed packages:
``google/*`` from googleapis-common-protos, and ``buf/validate/validate.proto`` as the compiled
descriptor that the protovalidate wheel carries.
"""

from __future__ import annotations

import filecmp
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer
from google.protobuf import descriptor_pb2, descriptor_pool

ROOT = Path(__file__).resolve().parents[2]
VALIDATE_PROTO = "buf/validate/validate.proto"
ERROR_DETAIL_PROTOS = (
    "google/rpc/code.proto",
    "google/rpc/error_details.proto",
    "google/rpc/status.proto",
)
"""What error bodies are made of; the edge needs their types to print them."""

app = typer.Typer(help="Regenerate everything that is generated from proto/.")


class GenerationError(Exception):
    """A generator failed; the message is its own complaint."""


def our_protos() -> list[str]:
    """Names of our proto files relative to ``proto/``, sorted."""
    return sorted(
        p.relative_to(ROOT / "proto").as_posix() for p in (ROOT / "proto").rglob("*.proto")
    )


def write_validate_descriptor(target: Path) -> None:
    """Write buf/validate/validate.proto as a FileDescriptorSet, from the protovalidate wheel."""
    from protovalidate._gen.buf.validate import validate_pb

    file = descriptor_pb2.FileDescriptorProto.FromString(validate_pb.desc().proto.to_binary())
    file.source_code_info.location.add(span=[0, 0, 0])  # the client generator insists on one
    wellknown = [_loaded_file(name) for name in file.dependency]
    target.write_bytes(
        descriptor_pb2.FileDescriptorSet(file=[*wellknown, file]).SerializeToString()
    )


def _loaded_file(name: str) -> descriptor_pb2.FileDescriptorProto:
    """Descriptor of a well-known file; importing its module registers it in the default pool."""
    import_module(name.removesuffix(".proto").replace("/", ".") + "_pb2")

    proto = descriptor_pb2.FileDescriptorProto()
    descriptor_pool.Default().FindFileByName(name).CopyToProto(proto)
    return proto


def _protoc(arguments: Iterable[str], imports: Path) -> None:
    """Run protoc over proto/ with the include path; GenerationError with its output."""
    well_known = files("grpc_tools") / "_proto"
    google_apis = Path(str(files("google.api"))).parents[1]
    command = [
        sys.executable,
        "-m",
        "grpc_tools.protoc",
        f"--descriptor_set_in={imports}",
        f"-I{ROOT / 'proto'}",
        f"-I{google_apis}",
        f"-I{well_known}",
        *arguments,
    ]
    plugins = str(Path(sys.executable).parent)  # where pip put the protoc plugins
    environ = {**os.environ, "PATH": os.pathsep.join((plugins, os.environ.get("PATH", "")))}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environ)
    if done.returncode != 0:
        raise GenerationError(done.stderr.strip() or f"protoc ended with {done.returncode}")


def generate(target: Path) -> None:
    """Write python/, client/, descriptor/ and openapi/ below `target`, which is made."""
    python, client, descriptor = (target / name for name in ("python", "client", "descriptor"))
    package = client / "eco2_client"
    for folder in (python, package, descriptor):
        folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        imports = Path(scratch) / "validate.binpb"
        write_validate_descriptor(imports)
        ours = our_protos()
        _protoc(
            [
                f"--python_out={python}",
                f"--mypy_out=quiet:{python}",
                f"--grpc_python_out={python}",
                f"--mypy_grpc_out=quiet:{python}",
                *ours,
                VALIDATE_PROTO,
            ],
            imports,
        )
        _keep_service_stubs(python, ours)
        _protoc(
            [
                f"--python_betterproto2_out={package}",
                "--python_betterproto2_opt=client_generation=async",
                *ours,
            ],
            imports,
        )
        _protoc(
            [
                "--include_imports",
                "--include_source_info",
                f"--descriptor_set_out={descriptor / 'eco2.binpb'}",
                *ours,
                *ERROR_DETAIL_PROTOS,
            ],
            imports,
        )
    _openapi(descriptor / "eco2.binpb", target / "openapi", python)


def _openapi(descriptor: Path, target: Path, python: Path) -> None:
    """Write the OpenAPI documents, in a process that imports the code just generated."""
    done = subprocess.run(
        [sys.executable, "-m", "services.cli.openapi", str(descriptor), str(target)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(python)))},
    )
    if done.returncode != 0:
        raise GenerationError(done.stderr.strip())


def _keep_service_stubs(python: Path, ours: list[str]) -> None:
    """Drop the gRPC modules of files without a service, which would be empty."""
    with_service = {name for name in ours if "\nservice " in (ROOT / "proto" / name).read_text()}
    for stub in [*python.rglob("*_pb2_grpc.py"), *python.rglob("*_pb2_grpc.pyi")]:
        source = stub.relative_to(python).as_posix().rsplit("_pb2_grpc", 1)[0] + ".proto"
        if source not in with_service:
            stub.unlink()


def differences(expected: Path, actual: Path) -> list[str]:
    """Relative paths of generated files that are missing, left over or different."""
    names = {
        path.relative_to(root).as_posix()
        for root in (expected, actual)
        for path in root.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    return sorted(
        name
        for name in names
        if not (expected / name).is_file()
        or not (actual / name).is_file()
        or not filecmp.cmp(expected / name, actual / name, shallow=False)
    )


@app.callback(invoke_without_command=True)
def gen(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit 1 when gen/ is out of date.")
    ] = False,
) -> None:
    """Regenerate gen/ from proto/, or check that it is up to date."""
    with tempfile.TemporaryDirectory() as scratch:
        fresh = Path(scratch) / "gen"
        try:
            generate(fresh)
        except GenerationError as error:
            typer.echo(f"proto/ does not compile:\n{error}", err=True)
            raise typer.Exit(1) from None
        changed = differences(fresh, ROOT / "gen")
        if check:
            for name in changed:
                typer.echo(f"out of date: gen/{name}", err=True)
            if changed:
                typer.echo("run `make gen` and commit the result", err=True)
                raise typer.Exit(1)
            typer.echo("gen/ is up to date")
            return
        shutil.rmtree(ROOT / "gen", ignore_errors=True)
        shutil.copytree(fresh, ROOT / "gen")
        typer.echo(f"gen/ written, {len(changed)} file(s) changed")
