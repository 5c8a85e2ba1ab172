"""Apache Kafka in KRaft mode: one node that is broker and controller."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from mesh.local import probe
from mesh.local.part import Part, SetupError
from mesh.local.parts.jvm import QUICK_START, classpath, jar_version, write_settings
from mesh.local.paths import Paths
from services.runtime.ports import HOST

CLUSTER_ID = "ZWNvMi1vbmUtbWFjaGluZQ"
"""Fixed: base64url of 16 bytes, as KRaft wants it. One cluster a data folder."""

VERSION_FILE = "formatted-by"
HEAP = "-Xmx384m"


def part(paths: Paths, port: int, controller_port: int) -> Part:
    """Kafka on `port`. Topics are made by ``eco2 topics``, never by being named."""
    data = paths.data("kafka")
    settings = paths.run / "kafka.properties"
    java = ("java", HEAP, *QUICK_START, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
    jars = classpath(paths, "kafka")
    version = jar_version(paths, "kafka", "kafka_2.13")

    def prepare() -> None:
        write_settings(settings, broker_settings(data, port, controller_port))
        if data.exists():
            check_version(data, version)
            return
        unfinished = data.with_name("kafka.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        format_settings = paths.run / "kafka-format.properties"
        write_settings(format_settings, broker_settings(unfinished, port, controller_port))
        tool = [*java, "-cp", jars, "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID]
        done = subprocess.run(
            [*tool, "-c", str(format_settings)], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise SetupError(f"formatting Kafka's storage failed: {done.stderr.strip()}")
        (unfinished / VERSION_FILE).write_text(version + "\n")
        unfinished.rename(data)

    return Part(
        name="kafka",
        command=(*java, "-cp", jars, "kafka.Kafka", str(settings)),
        ports=("kafka", "kafka_controller"),
        prepare=prepare,
        ready=lambda: probe.kafka_api_versions(HOST, port),
        grace_seconds=20,
    )


def check_version(data: Path, version: str) -> None:
    """Raise :class:`SetupError` when the data were written by a newer Kafka than the jars'.

    An older Kafka's data are fine: the broker keeps their metadata version.
    """
    try:
        written_by = (data / VERSION_FILE).read_text().strip()
    except FileNotFoundError:
        raise SetupError(
            f"{data} holds no Kafka storage of ours; remove it with `make clean-data`"
        ) from None
    if _numbers(written_by) > _numbers(version):
        raise SetupError(
            f"Kafka's data were written by version {written_by}, installed is {version}; raise the "
            "version in mesh/local/jvm/kafka/pom.xml, or remove the data with `make clean-data`"
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split(".") if number.isdecimal())


def broker_settings(data: Path, port: int, controller_port: int) -> dict[str, str]:
    """The properties of the broker with its data in `data`."""
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{HOST}:{controller_port}",
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": str(data),
        "auto.create.topics.enable": "false",
        # One broker: everything internal has one replica and few partitions.
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "8",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "2",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "share.coordinator.state.topic.num.partitions": "1",
        # The first member of a group need not wait 3 s for others.
        "group.initial.rebalance.delay.ms": "0",
        # A broker that was killed may register again only when its old session has timed out: with
        # these it takes requests 5–6 s after a kill, with the default of 9 s 11–13 s (measured).
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "1000",
        # Two cores: fewer threads than the defaults for a server of its own.
        "num.network.threads": "2",
        "num.io.threads": "4",
        "background.threads": "2",
        "num.recovery.threads.per.data.dir": "1",
        "log.cleaner.dedupe.buffer.size": str(8 * 1024 * 1024),
        "log.segment.bytes": str(64 * 1024 * 1024),
        "log.index.size.max.bytes": str(1024 * 1024),
    }
