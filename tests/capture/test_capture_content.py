"""Values keep their measures whatever is kept of their text."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus_otel.capture.content import as_text, measure
from argus_otel.capture.redact import load_rules
from argus_otel.capture.settings import CaptureSettings

RULES = load_rules()
KEY = "AKIAIOSFODNN7EXAMPLE"
PNG = bytes(range(256)) * 4
PNG_NOTE = f"[image/png, 1024 bytes left out, sha256 {hashlib.sha256(PNG).hexdigest()}]"
PNG_BASE64 = base64.b64encode(PNG).decode()

ANY_TEXT = st.text(st.characters(exclude_categories=()))  # with lone surrogates, as JavaScript may send them
VALID_TEXT = st.text()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | VALID_TEXT,
    lambda values: st.lists(values) | st.dictionaries(VALID_TEXT, values),
    max_leaves=10,
)


@given(VALID_TEXT)
def test_measures_are_those_of_the_text(text: str) -> None:
    content = measure(text, CaptureSettings())
    utf8 = text.encode()
    length = len(text.encode("utf-16-le")) // 2
    assert content == (text, len(utf8), length, hashlib.sha256(utf8).hexdigest(), False, ())


def test_length_counts_as_javascript_does() -> None:
    content = measure("é😀", CaptureSettings())
    assert (content.bytes, content.length) == (6, 3)


@given(ANY_TEXT)
def test_any_text_of_javascript_becomes_utf8_of_the_same_length(text: str) -> None:
    content = measure(text, CaptureSettings())
    content.text.encode()
    assert content.length == len(text.encode("utf-16-le", "surrogatepass")) // 2


def test_half_a_surrogate_pair_becomes_a_replacement_character() -> None:
    assert measure("cut \ud83d", CaptureSettings()).text == "cut \ufffd"


@given(JSON.filter(lambda value: not isinstance(value, str)))
def test_what_is_no_text_is_compact_json_that_reads_back(value: object) -> None:
    assert json.loads(as_text(value)) == value
    assert as_text({"b": [1, "é"], "a": None}) == '{"b":[1,"é"],"a":null}'


@given(st.text(min_size=1), st.integers(1, 40))
def test_a_cut_keeps_head_and_tail_and_says_how_much_is_missing(text: str, value_bytes_max: int) -> None:
    content = measure(text, CaptureSettings(value_bytes_max=value_bytes_max))
    utf8 = text.encode()
    assert content.is_truncated is (len(utf8) > value_bytes_max)
    assert content.sha256 == hashlib.sha256(utf8).hexdigest()
    if not content.is_truncated:
        assert content.text == text
        return
    notes = re.findall(r"\n\[… (\d+) bytes left out …\]\n", content.text)
    head, tail = content.text.split(f"\n[… {notes[-1]} bytes left out …]\n")[-2:]
    kept_bytes = len(head.encode()) + len(tail.encode())
    assert text.startswith(head)
    assert text.endswith(tail)
    assert kept_bytes <= value_bytes_max
    assert kept_bytes + int(notes[-1]) == len(utf8)


def test_a_cut_in_numbers() -> None:
    text = "a" * 70_000 + "z" * 70_000
    content = measure(text, CaptureSettings())
    assert content.text == "a" * 32_768 + "\n[… 74464 bytes left out …]\n" + "z" * 32_768
    assert (content.bytes, content.length, content.is_truncated) == (140_000, 140_000, True)


def test_a_cut_never_splits_a_character() -> None:
    assert measure("€€€€", CaptureSettings(value_bytes_max=10)).text == "€\n[… 6 bytes left out …]\n€"


@given(ANY_TEXT)
def test_metadata_has_neither_text_nor_hash(text: str) -> None:
    whole = measure(text, CaptureSettings())
    assert measure(text, CaptureSettings("metadata")) == ("", whole.bytes, whole.length, "", False, ())


def test_a_secret_is_gone_from_the_text_and_from_its_hash_and_sizes_stay_those_of_the_original() -> None:
    content = measure(f"use {KEY}", CaptureSettings(), RULES)
    assert content.text == "use [REDACTED:aws_access_key_id]"
    assert (content.bytes, content.length, content.redactions) == (24, 24, (("aws_access_key_id", 1),))
    assert content.sha256 == hashlib.sha256(content.text.encode()).hexdigest()
    assert not content.is_truncated


def test_without_a_secret_the_rules_change_nothing() -> None:
    assert measure({"a": "the secret of good code"}, CaptureSettings(), RULES) == measure(
        {"a": "the secret of good code"}, CaptureSettings()
    )


@given(st.integers(0, 60))
def test_no_half_of_a_secret_is_left_at_the_edge_of_a_cut(before: int) -> None:
    text = "." * before + " " + KEY + " " + "." * 60
    shown = measure(text, CaptureSettings(value_bytes_max=60), RULES).text
    assert "AKIA" not in shown
    assert "EXAMPLE" not in shown


@pytest.mark.parametrize(
    "value",
    [
        [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG_BASE64}}],
        [{"type": "image", "data": PNG_BASE64, "mimeType": "image/png"}],
        {"type": "resource", "resource": {"uri": "file:///a.png", "mimeType": "image/png", "blob": PNG_BASE64}},
        {"stdout": f"data:image/png;base64,{PNG_BASE64}", "isImage": True},
    ],
)
def test_an_image_is_told_by_its_size_and_hash(value: object) -> None:
    content = measure(value, CaptureSettings())
    assert json.loads(content.text) == json.loads(
        as_text(value).replace(f"data:image/png;base64,{PNG_BASE64}", PNG_NOTE).replace(PNG_BASE64, PNG_NOTE)
    )
    assert (content.bytes, content.is_truncated) == (len(as_text(value)), True)
    assert content.sha256 == hashlib.sha256(as_text(value).encode()).hexdigest()


def test_a_file_that_the_read_tool_read_is_told_by_its_size_and_hash() -> None:
    told = {"type": "image", "file": {"base64": PNG_BASE64, "type": "image/png", "originalSize": 1024}}
    content = measure(told, CaptureSettings())
    assert json.loads(content.text)["file"]["base64"] == PNG_NOTE.replace("image/png", "binary")


@pytest.mark.parametrize(
    "value",
    [{"data": "a" * 2000}, {"data": "QUJD", "mimeType": "image/png"}, "x" * 2000, {"base64": "no, it is not" * 40}],
)
def test_what_only_looks_like_a_file_is_shown(value: object) -> None:
    assert measure(value, CaptureSettings()).text == as_text(value)


def test_a_repr_holds_no_text() -> None:
    assert "secret" not in repr(measure("secret", CaptureSettings()))
