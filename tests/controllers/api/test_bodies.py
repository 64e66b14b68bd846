"""Nesting is found by counting, however long the body is and whatever its texts hold."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.api.bodies import is_deeper

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def depth(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


@given(JSON, st.booleans())
def test_the_depth_is_that_of_the_value(value: Any, ascii_only: bool) -> None:
    body = json.dumps(value, ensure_ascii=ascii_only).encode()

    assert not is_deeper(body, depth(value))
    assert depth(value) == 0 or is_deeper(body, depth(value) - 1)


@given(st.binary())
def test_whatever_comes_is_answered(body: bytes) -> None:
    is_deeper(body, 3)


@pytest.mark.parametrize(
    "part", [b"[", b"]", b"[]", b"[{}]", b'"', b'\\"', b'"\\', b'"[', b"{", b'{"":'], ids=repr
)
def test_no_body_of_the_largest_size_takes_long(part: bytes) -> None:
    body = part * (8 * 1024 * 1024 // len(part))
    began = time.process_time()
    is_deeper(body, 16)

    assert time.process_time() - began < 2.0
