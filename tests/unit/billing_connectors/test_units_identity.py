# Part of Relevé. See LICENSE file for full copyright and licensing details.
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds import identity
from feeds.units import parse_pack
from feeds.values import RowProblem


@pytest.mark.parametrize(
    ("text", "size", "unit"),
    [
        ("1 Hour", "1", "Hour"),
        ("10K", "10000", ""),
        ("1K", "1000", ""),
        ("1M", "1000000", ""),
        ("1000 Tokens", "1000", "Tokens"),
        ("100 GB/Month", "100", "GB/Month"),
        ("1/Month", "1", "Month"),
        ("GB-Months", "1", "GB-Months"),
        ("GB", "1", "GB"),
        ("10 KB", "10", "KB"),
        ("1 GiB", "1", "GiB"),
        ("", "1", ""),
    ],
)
def test_pack_is_read_as_size_and_unit(text, size, unit):
    assert parse_pack(text) == (Decimal(size), unit)


@pytest.mark.parametrize("text", ["0 Hours", "x" * 65])
def test_impossible_pack_is_refused(text):
    with pytest.raises(RowProblem) as caught:
        parse_pack(text)
    assert caught.value.code == "unknown_unit"


@given(st.lists(st.text(max_size=8), min_size=1, max_size=4), st.data())
def test_different_key_parts_give_different_keys(parts, data):
    others = data.draw(st.lists(st.text(max_size=8), min_size=1, max_size=4))
    if parts != others:
        assert identity.join_key(parts) != identity.join_key(others)


def test_same_content_has_the_same_version():
    assert identity.version_of("ab" * 32) == ("ab" * 32)[:16]
    assert identity.scope_event_id("2024-09|1", "v1", 7) == "2024-09|1#v1#7"
