from __future__ import annotations

import json
import logging

from services.runtime.logs import JsonFormatter, masked


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
