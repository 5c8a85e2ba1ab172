"""Path templates match what google/api/http.proto says they match."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.path_template import TemplateError, parse

SEGMENT = st.text("abcXYZ019-_.~%", min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("/v1/scan", "/v1/scan"),
        ("/v1/scan/{job_id}", "/v1/scan/abc"),
        ("/v1/scan/{job_id}/result", "/v1/scan/%EC%9D%B4/result"),
        ("/v1/{name=shelves/*}/books", "/v1/shelves/3/books"),
        ("/v1/files/{path=**}", "/v1/files"),
        ("/v1/files/{path=**}", "/v1/files/a/b/c"),
        ("/v1/jobs/{id}:cancel", "/v1/jobs/7:cancel"),
    ],
)
def test_template_matches(template: str, path: str) -> None:
    assert parse(template).regex.fullmatch(path)


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("/v1/scan", "/v1/scan/"),
        ("/v1/scan/{job_id}", "/v1/scan/"),
        ("/v1/scan/{job_id}", "/v1/scan/a/b"),
        ("/v1/a.b", "/v1/aXb"),
        ("/v1/jobs/{id}:cancel", "/v1/jobs/7"),
        ("/v1/files/{path=**}", "/v1/filesystem"),
    ],
)
def test_template_does_not_match(template: str, path: str) -> None:
    assert parse(template).regex.fullmatch(path) is None


@pytest.mark.parametrize(
    "text", ["", "v1", "/", "/a//b", "/a/{", "/a/{b}c}", "/a/**/b", "/a/b*", "/a/{b}/", "/a/{b}x*"]
)
def test_malformed_template_is_refused(text: str) -> None:
    with pytest.raises(TemplateError):
        parse(text)


@given(st.lists(SEGMENT, min_size=1, max_size=6), st.data())
def test_template_with_variables_matches_the_path_it_was_made_from(
    segments: list[str], data: st.DataObject
) -> None:
    holes = data.draw(st.sets(st.integers(0, len(segments) - 1)))
    text = "/" + "/".join(f"{{f{i}}}" if i in holes else s for i, s in enumerate(segments))
    template = parse(text)
    assert template.regex.fullmatch("/" + "/".join(segments))
    assert template.literal == (not holes)
    assert len(template.variables) == len(holes)


def test_literal_goes_before_variable_and_variable_before_rest() -> None:
    texts = ["/a/{x=**}", "/a/{x}", "/a/b", "/a/{x}:stop"]
    ordered = sorted((parse(text) for text in texts), key=lambda t: t.precedence)
    assert [t.text for t in ordered] == ["/a/b", "/a/{x}:stop", "/a/{x}", "/a/{x=**}"]


def test_regex_is_plain_enough_for_re2() -> None:
    pattern = parse("/api/v1/a-b.c/{x}/{y=**}").regex.pattern
    assert not re.search(r"\(\?[^:]|\\[zZGABQE]", pattern)
