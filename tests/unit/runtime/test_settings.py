from __future__ import annotations

import pytest
from pydantic import ValidationError

from services.runtime.ports import DEFAULT_PORTS, env_name, port
from services.runtime.settings import RuntimeSettings


def test_origins_come_from_a_comma_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECO2_CORS_ORIGINS", "https://a.example, https://b.example")
    assert RuntimeSettings().cors_origins == ("https://a.example", "https://b.example")


def test_settings_are_frozen() -> None:
    settings = RuntimeSettings()
    with pytest.raises(ValidationError):
        settings.log_level = "DEBUG"


def test_printing_settings_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECO2_POSTGRES_PASSWORD", "hunter2")
    assert "hunter2" not in repr(RuntimeSettings())


def test_ports_are_distinct_and_overridable() -> None:
    assert len(set(DEFAULT_PORTS.values())) == len(DEFAULT_PORTS)
    assert port("scan", {env_name("scan"): "6000"}) == 6000


@pytest.mark.parametrize("bad", ["0", "65536", "-1", "http", "80 "])
def test_a_bad_port_names_its_variable(bad: str) -> None:
    with pytest.raises(ValueError, match="ECO2_PORT_SCAN"):
        port("scan", {"ECO2_PORT_SCAN": bad})


def test_no_port_lies_where_outgoing_connections_get_theirs() -> None:
    assert max(DEFAULT_PORTS.values()) < 32_768
