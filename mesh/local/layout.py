"""Which parts make up the one-machine stack, and which process serves what. The only such table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from mesh.local import external, sockets
from mesh.local.part import Part
from mesh.local.parts import envoy, kafka, postgres, python, redis, s3proxy
from mesh.local.paths import Paths
from services.runtime.ports import DEFAULT_PORTS, HOST, port
from services.runtime.settings import Profile, RuntimeSettings


@dataclass(frozen=True, kw_only=True)
class Group:
    """What shares a process in this layout."""

    name: str
    verb: str
    members: tuple[str, ...]
    metrics: str
    """Name of the port for ``/metrics`` and ``/health``."""

    grpc: tuple[str, ...] = ()
    """Names of its gRPC ports."""

    http: tuple[str, ...] = ()
    """Names of its other HTTP ports."""

    drains_before: tuple[str, ...] = ()

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the ports on which its domains take the edge's reads."""
        names = (f"{domain}_reads" for domain in self.grpc)
        return tuple(name for name in names if name in DEFAULT_PORTS)


GROUPS: Final = (
    Group(
        name="servers",
        verb="serve",
        members=(
            *("auth", "users", "character", "images", "scan", "chat", "location", "info"),
            "docs",
        ),
        metrics="metrics_serve",
        grpc=("auth", "users", "character", "images", "scan", "chat", "location", "info"),
        http=("docs",),
    ),
    Group(
        name="authz",
        verb="serve",
        members=("authz",),
        metrics="metrics_authz",
        grpc=("authz_grpc",),
        http=("authz_http",),
    ),
    Group(
        name="progress",
        verb="serve",
        members=("progress",),
        metrics="metrics_progress",
        grpc=("progress",),
        http=("progress_sse",),
        drains_before=("servers",),
    ),
    Group(
        name="workers",
        verb="work",
        members=(
            *("vision", "rule", "answer", "reward", "chat"),
            *("ownership", "points", "erasure", "news", "dlq"),
        ),
        metrics="metrics_work",
        drains_before=("servers",),
    ),
)


def process_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of our processes: the caller's, and what the local S3 server needs."""
    local = {
        "ECO2_S3_ENDPOINT": f"http://{HOST}:{port('s3', environ)}",
        "ECO2_S3_ACCESS_KEY": s3proxy.ACCESS_KEY,
        "ECO2_S3_SECRET_KEY": s3proxy.SECRET_KEY,
    }
    given = {name: value for name, value in environ.items() if value}
    return {**({} if given.get("ECO2_S3_ENDPOINT") else local), **given}


def own_origins(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Where a browser on this machine sees the edge: the playground uploads from there."""
    return tuple(
        f"{scheme}://{host}:{port(f'edge_{scheme}', environ)}"
        for scheme in ("http", "https")
        for host in ("localhost", HOST)
    )


def drain_seconds(environ: Mapping[str, str]) -> float:
    """How long what is in flight may go on when the stack stops (``ECO2_DRAIN_SECONDS``)."""
    default: float = RuntimeSettings.model_fields["drain_seconds"].default
    return float(environ.get("ECO2_DRAIN_SECONDS") or default)


def infrastructure(
    paths: Paths, environ: Mapping[str, str], *, fsync: bool = True
) -> tuple[Part, ...]:
    """The infrastructure parts that the environment does not replace."""
    settings = RuntimeSettings()
    password = settings.postgres_password.get_secret_value()
    makers: Mapping[str, Callable[[], Part]] = {
        "postgres": lambda: postgres.part(paths, port("postgres", environ), password, fsync=fsync),
        "redis": lambda: redis.part(paths, port("redis", environ)),
        "kafka": lambda: kafka.part(
            paths, port("kafka", environ), port("kafka_controller", environ)
        ),
        "s3proxy": lambda: s3proxy.part(
            paths,
            port("s3", environ),
            origins=(*settings.cors_origins, *own_origins(environ)),
            access_key=environ.get("ECO2_S3_ACCESS_KEY") or s3proxy.ACCESS_KEY,
            secret_key=environ.get("ECO2_S3_SECRET_KEY") or s3proxy.SECRET_KEY,
        ),
    }
    elsewhere = external.replaced(environ)
    return tuple(make() for name, make in makers.items() if name not in elsewhere)


def near(paths: Paths, environ: Mapping[str, str]) -> dict[str, str]:
    """Variables through which our processes and the edge reach each other, and what is started
    beside them, by Unix sockets: a message costs less than half of what it does over TCP.
    """
    urls = {
        "postgres": postgres.near_url(paths, port("postgres", environ)),
        "redis": redis.near_url(paths),
    }
    elsewhere = external.replaced(environ)
    found = {
        external.REPLACED_BY[part]: url
        for part, url in urls.items()
        if url and part not in elsewhere
    }
    longest = max((f"{name}.sock" for name in DEFAULT_PORTS), key=len)
    if sockets.usable(paths.run / longest):
        found["ECO2_SOCKETS"] = str(paths.run)
    return found


def ours(paths: Paths, environ: Mapping[str, str]) -> tuple[Part, ...]:
    """The one-off steps, our processes, and the edge in front of them."""
    steps = (
        python.step(paths, "migrate", after=("postgres",)),
        python.step(paths, "topics", after=("kafka",)),
    )
    groups = tuple(
        python.group(
            paths,
            environ,
            name=group.name,
            verb=group.verb,
            members=group.members,
            metrics=group.metrics,
            ports=(*group.grpc, *group.http, *group.reads),
            after=("migrate", "topics", "redis", "s3proxy"),
            drains_before=group.drains_before,
            drain_seconds=drain_seconds(environ),
            near=near(paths, environ),
        )
        for group in GROUPS
    )
    samples = (
        (python.step(paths, "seed", after=("servers",)),)
        if RuntimeSettings().profile is Profile.LOCAL
        else ()
    )
    everyone = tuple(group.name for group in GROUPS)
    edge = envoy.part(
        paths,
        process_environ(environ),
        drains_before=everyone,
        drain_seconds=drain_seconds(environ),
        near=near(paths, environ),
    )
    return (*steps, *groups, *samples, edge)


def stack(paths: Paths, environ: Mapping[str, str], *, fsync: bool = True) -> tuple[Part, ...]:
    """Every part of the stack, for the environment the command was called with."""
    return (*infrastructure(paths, environ, fsync=fsync), *ours(paths, environ))
