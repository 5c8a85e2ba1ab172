from __future__ import annotations

import json
import logging

import pytest

from services.runtime import logs
from services.runtime.logs import JsonFormatter, masked
from services.runtime.repetition import Repetitions


def test_secret_looking_fields_are_masked_at_any_depth() -> None:
    fields = {"access_token": "abc", "job_id": "j", "headers": {"Cookie": "x=y", "host": "h"}}
    assert masked(fields) == {
        "access_token": "***",
        "job_id": "j",
        "headers": {"Cookie": "***", "host": "h"},
    }


def test_counts_under_secret_looking_names_stay_readable() -> None:
    assert masked({"input_tokens": 12}) == {"input_tokens": 12}


def test_a_record_is_one_line_of_json_with_the_error_in_it() -> None:
    try:
        raise ValueError("bad\nthing")
    except ValueError:
        import sys

        record = logging.LogRecord("m", logging.ERROR, "f", 1, "failed", (), sys.exc_info())
    line = JsonFormatter("eco2-test", "test").format(record)
    assert "\n" not in line
    document = json.loads(line)
    assert document["error.type"] == "ValueError"
    assert document["service.name"] == "eco2-test"


def test_of_a_warning_that_is_repeated_a_few_are_written_and_the_others_counted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    monkeypatch.setattr(logs, "_repetitions", Repetitions(10.0, 2))
    log = logs.get("tests.repeated")

    def written() -> list[dict[str, object]]:
        fields = [vars(record)["eco2_fields"] for record in caplog.records]
        caplog.clear()
        return fields

    for job in range(5):
        log.repeated("not published", job=job)
        log.repeated("not stored", job=job)
    assert [each["job"] for each in written()] == [0, 0, 1, 1]
    now = 10.0
    for job in (5, 6):
        log.repeated("not published", job=job)
    assert written() == [{"job": 5, "left_out": 3}, {"job": 6}]
