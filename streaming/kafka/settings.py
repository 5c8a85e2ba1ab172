"""Settings of the Kafka clients."""

from __future__ import annotations

from pydantic import Field, SecretStr

from services.runtime.settings import RuntimeSettings


class KafkaSettings(RuntimeSettings):
    """Where the brokers are and how a client proves who it is."""

    kafka_security_protocol: str = Field(
        default="PLAINTEXT", pattern="^(PLAINTEXT|SSL|SASL_PLAINTEXT|SASL_SSL)$"
    )
    """``PLAINTEXT`` on one machine; ``SASL_SSL`` or ``SSL`` in a cluster."""

    kafka_ca_file: str = ""
    """PEM file with the brokers' certificate authority; empty uses the system's."""

    kafka_cert_file: str = ""
    """PEM file with the client's certificate (mutual TLS)."""

    kafka_key_file: str = ""
    """PEM file with the key of `kafka_cert_file`."""

    kafka_sasl_mechanism: str = "SCRAM-SHA-512"
    """SASL mechanism, when the protocol says SASL."""

    kafka_username: str = ""
    """SASL user."""

    kafka_password: SecretStr = SecretStr("")
    """SASL password."""

    kafka_instance: str = ""
    """Name of this process among the members of its consumer groups, the same after a restart
    (static membership, KIP-345): a process killed and restarted goes on at once, where a nameless
    one waits until the broker gives its predecessor up (0.5 s against 9 s here). The price: after
    an orderly stop its partitions wait ``session_timeout_seconds`` for it before they move. So set
    it where a process comes back under its name (the local supervisor, a StatefulSet), and leave
    it empty in a Deployment. Two processes of a group must never share one."""
