"""How every Kafka client of a process reaches and authenticates to the brokers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from aiokafka.helpers import create_ssl_context
from pydantic import SecretStr

from streaming.kafka.quiet import quieten
from streaming.kafka.settings import KafkaSettings

__all__ = ["Connection", "KafkaSettings"]

REQUEST_TIMEOUT_MS = 10_000
"""A broker that does not answer for so long is taken for gone (frozen process, lost network): well
below the stages' budgets, well above a slow commit."""

RETRY_BACKOFF_MS = 250
"""Pause between two tries of anything while brokers are away. The client's default of 100 ms is
three log lines every 100 ms a client during an outage."""

METADATA_MAX_AGE_MS = 30_000
"""A topic created, or given partitions, after a consumer started is noticed within this time."""


@dataclass(frozen=True, kw_only=True)
class Connection:
    """Brokers and credentials; hand the same one to every client."""

    bootstrap: str
    """Comma list of ``host:port``."""
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str = "SCRAM-SHA-512"
    username: str = ""
    password: SecretStr = field(default_factory=lambda: SecretStr(""))
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    instance: str = ""
    """Static member name of the process, see :attr:`KafkaSettings.kafka_instance`."""

    @classmethod
    def from_settings(cls, settings: KafkaSettings) -> Connection:
        """The connection a process was configured with."""
        return cls(
            bootstrap=settings.kafka_bootstrap,
            security_protocol=settings.kafka_security_protocol,
            sasl_mechanism=settings.kafka_sasl_mechanism,
            username=settings.kafka_username,
            password=settings.kafka_password,
            ca_file=settings.kafka_ca_file,
            cert_file=settings.kafka_cert_file,
            key_file=settings.kafka_key_file,
            instance=settings.kafka_instance,
        )

    @classmethod
    def of(cls, where: Connection | str) -> Connection:
        """`where` itself, or a plain-text connection to that bootstrap list."""
        return where if isinstance(where, Connection) else cls(bootstrap=where)

    def client_options(self) -> dict[str, Any]:
        """Keyword arguments common to the producer, consumer and admin clients."""
        quieten()
        options: dict[str, Any] = {
            "bootstrap_servers": [part.strip() for part in self.bootstrap.split(",")],
            "security_protocol": self.security_protocol,
            "request_timeout_ms": REQUEST_TIMEOUT_MS,
            "retry_backoff_ms": RETRY_BACKOFF_MS,
            "metadata_max_age_ms": METADATA_MAX_AGE_MS,
        }
        if self.security_protocol.endswith("SSL"):
            options["ssl_context"] = create_ssl_context(
                cafile=self.ca_file or None,
                certfile=self.cert_file or None,
                keyfile=self.key_file or None,
            )
        if self.security_protocol.startswith("SASL"):
            options["sasl_mechanism"] = self.sasl_mechanism
            options["sasl_plain_username"] = self.username
            options["sasl_plain_password"] = self.password.get_secret_value()
        return options
