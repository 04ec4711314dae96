# Part of Relevé. See LICENSE file for full copyright and licensing details.
import codecs
import gzip
import io
import json
from decimal import Decimal
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.content import inspect_content
from feeds.mapping import load_mapping
from feeds.parsers import csv_feed, open_feed
from feeds.parsers.csv_feed import MAX_RECORD_LINES, detect_delimiter
from feeds.values import FeedError, MappingError

MAPPING = {
    "identity": {"mode": "columns", "parts": ["id"]},
    "fields": {
        "type": {"const": "api.call"},
        "subject": "customer",
        "time": "time",
        "value": "quantity",
    },
    "dimensions": {"region": "region"},
}
HEADER = "id,customer,time,quantity,region\n"
GOOD = "e1,acme,2026-10-01T00:00:00Z,1.5,eu\n"


def feed(text, mapping=None, name="usage.csv", encoding="utf-8"):
    raw = text if isinstance(text, bytes) else text.encode(encoding)
    spec = load_mapping(mapping or MAPPING)
    content = inspect_content(raw, name, spec.options.get("encoding"))
    return open_feed(content, spec)


def read(text, mapping=None, **options):
    """One chunk with everything, after checking that the counts add up."""
    chunks = list(feed(text, mapping, **options).chunks(size=7))
    rows, errors, ignored = [], [], []
    for chunk in chunks:
        parts = len(chunk.rows) + len(chunk.errors) + len(chunk.ignored)
        assert chunk.read == parts
        rows += chunk.rows
        errors += chunk.errors
        ignored += chunk.ignored
    return rows, errors, ignored


def test_row_is_mapped_with_its_identity():
    rows, errors, _ = read(HEADER + GOOD)
    assert not errors
    (row,) = rows
    assert row.event_id == "e1"
    assert row.subject == "acme"
    assert row.type == "api.call"
    assert row.value == Decimal("1.5")
    assert row.dimensions == {"region": "eu"}
    assert row.row_number == 2


@pytest.mark.parametrize(
    ("delimiter", "quantity"),
    [(";", "1,5"), ("\t", "1.5"), ("|", "1.5"), (",", '"1,5"')],
)
def test_delimiter_and_decimal_sign_are_detected(delimiter, quantity):
    line = ["e1", "acme", "2026-10-01T00:00:00Z", quantity, "eu"]
    text = HEADER.replace(",", delimiter) + delimiter.join(line) + "\n"
    rows, errors, _ = read(text)
    assert not errors
    assert rows[0].value == Decimal("1.5")


def test_ambiguous_decimal_sign_has_to_be_declared():
    text = HEADER + 'e1,acme,2026-10-01T00:00:00Z,"1,234",eu\n'
    with pytest.raises(FeedError) as caught:
        feed(text)
    assert caught.value.code == "ambiguous_decimal"
    for sign, expected in ((".", "1234"), (",", "1.234")):
        rows, _, _ = read(text, {**MAPPING, "options": {"decimal": sign}})
        assert rows[0].value == Decimal(expected)


@pytest.mark.parametrize(
    ("encode", "found"),
    [
        (lambda t: t.encode("utf-8"), "utf-8"),
        (lambda t: codecs.BOM_UTF8 + t.encode("utf-8"), "utf-8-sig"),
        (lambda t: t.encode("utf-16"), "utf-16"),
        (lambda t: t.encode("utf-16-le"), "utf-16-le"),
        (lambda t: t.encode("utf-16-be"), "utf-16-be"),
        (lambda t: t.encode("cp1252"), "cp1252"),
        (lambda t: gzip.compress(t.encode("utf-8")), "utf-8"),
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_encoding_and_packing_are_detected(encode, found, line_end):
    text = (HEADER + GOOD.replace("acme", "Énergie Œuvre")).replace("\n", line_end)
    raw = encode(text)
    assert inspect_content(raw, "x.csv").encoding == found
    rows, errors, _ = read(raw)
    assert not errors
    assert rows[0].subject == "Énergie Œuvre"


def test_same_content_packed_again_is_the_same_delivery():
    plain = (HEADER + GOOD).encode()
    packed = gzip.compress(plain)
    assert inspect_content(plain, "a").sha256 == inspect_content(packed, "b").sha256


def test_one_damaged_byte_does_not_turn_utf8_into_another_encoding():
    raw = (HEADER + GOOD.replace("acme", "Énergie") * 3).encode()
    raw += b"e9,ac\xffme,2026-10-01T00:00:00Z,1.5,eu\n"
    rows, errors, _ = read(raw)
    assert [row.subject for row in rows] == ["Énergie"] * 3
    assert [(error.code, error.column) for error in errors] == [
        ("invalid_text", "customer")
    ]
    assert json.dumps(errors[0].raw)  # storable


def test_accent_at_a_block_border_is_still_utf8():
    filler = HEADER + GOOD * 20_000
    for shift in range(4):
        raw = (filler[: (1 << 18) - shift].rpartition("\n")[0] + "\n").encode()
        raw += b"#" * ((1 << 18) - len(raw) - shift) + "é\n".encode() * 5
        assert inspect_content(raw, "x.csv").encoding == "utf-8"


@pytest.mark.parametrize(
    ("line", "column", "code"),
    [
        ("e1,acme,2026-10-01T00:00:00Z,NaN,eu\n", "quantity", "invalid_value"),
        ("e1,acme,2026-10-01T00:00:00Z,1e400,eu\n", "quantity", "value_out_of_range"),
        ("e1,acme,2026-10-01T00:00:00Z,,eu\n", "quantity", "missing_field"),
        ("e1,,2026-10-01T00:00:00Z,1,eu\n", "customer", "missing_field"),
        (",acme,2026-10-01T00:00:00Z,1,eu\n", "id", "missing_field"),
        ("e1,acme,not a time,1,eu\n", "time", "invalid_time"),
        ("e1,acme,,1,eu\n", "time", "missing_field"),
        ("e1,ac\0me,2026-10-01T00:00:00Z,1,eu\n", "customer", "invalid_text"),
        ("e1,acme,2026-10-01T00:00:00Z,1\n", "", "malformed_row"),
        ("e1,acme,2026-10-01T00:00:00Z,1,eu,more\n", "", "malformed_row"),
    ],
)
def test_bad_row_is_reported_and_the_next_one_is_read(line, column, code):
    rows, errors, _ = read(HEADER + line + GOOD)
    assert len(rows) == 1
    assert [(e.row_number, e.column, e.code) for e in errors] == [(2, column, code)]


def test_unclosed_quote_costs_its_own_line_only():
    bad = 'e0,"acme,2026-10-01T00:00:00Z,1,eu\n'
    text = HEADER + GOOD + bad + GOOD * (MAX_RECORD_LINES * 3)
    rows, errors, _ = read(text)
    assert len(rows) == 1 + MAX_RECORD_LINES * 3
    assert [(e.row_number, e.code) for e in errors] == [(3, "malformed_row")]


def test_unclosed_quote_on_the_last_line():
    rows, errors, _ = read(HEADER + GOOD * 3 + 'e0,"acme')
    assert len(rows) == 3
    assert [e.row_number for e in errors] == [5]


def test_two_stray_quotes_do_not_swallow_the_lines_between():
    bad = 'e0,"acme,2026-10-01T00:00:00Z,1,eu\n'
    rows, errors, _ = read(HEADER + bad + GOOD * 5 + bad + GOOD)
    assert len(rows) == 6
    assert [e.row_number for e in errors] == [2, 8]


def test_quoted_line_end_is_part_of_the_field():
    text = HEADER + 'e1,"ac\nme",2026-10-01T00:00:00Z,1,"e""u"\n' + GOOD
    rows, errors, _ = read(text)
    assert not errors
    assert [row.subject for row in rows] == ["ac\nme", "acme"]
    assert [row.row_number for row in rows] == [2, 4]
    assert rows[0].dimensions == {"region": 'e"u'}


def test_huge_field_is_one_bad_row():
    bad = "e0," + "x" * 300_000 + ",2026-10-01T00:00:00Z,1,eu\n"
    rows, errors, _ = read(HEADER + bad + GOOD)
    assert len(rows) == 1
    assert errors[0].code == "malformed_row"
    assert len(errors[0].raw[0]) <= 4_000


def test_blank_rows_are_ignored_and_counted():
    rows, errors, ignored = read(HEADER + "\n,,,,\n" + GOOD + "\n")
    assert (len(rows), len(errors)) == (1, 0)
    assert [row.rule for row in ignored] == ["blank"]


def test_rows_of_a_rule_are_ignored_by_name():
    mapping = {
        **MAPPING,
        "ignore": [{"name": "US", "column": "region", "equals": "us"}],
    }
    rows, errors, ignored = read(HEADER + GOOD.replace("eu", "us") + GOOD, mapping)
    assert (len(rows), len(errors)) == (1, 0)
    assert [(row.row_number, row.rule) for row in ignored] == [(2, "US")]


def test_file_without_ids_is_identified_by_content_and_row():
    mapping = {key: value for key, value in MAPPING.items() if key != "identity"}
    text = HEADER + GOOD + GOOD
    (first, second), _, _ = read(text, mapping)
    assert first.event_id != second.event_id
    again, _, _ = read(text, mapping, name="other name.csv")
    assert [row.event_id for row in again] == [first.event_id, second.event_id]
    changed, _, _ = read(text + GOOD, mapping)
    assert changed[0].event_id != first.event_id


def test_parts_of_the_file_name_can_be_used():
    mapping = {
        **MAPPING,
        "file_pattern": r"usage_(?P<meter>\w+)\.csv",
        "fields": {**MAPPING["fields"], "subject": {"file": "meter"}},
    }
    rows, _, _ = read(HEADER + GOOD, mapping, name="in/usage_m42.csv")
    assert rows[0].subject == "m42"
    with pytest.raises(MappingError) as caught:
        feed(HEADER + GOOD, mapping, name="other.csv")
    assert caught.value.code == "file_name"


def test_quantity_steps_are_exact():
    quantity = {
        "column": "quantity",
        "pack": {"column": "region"},
        "factor": "1/1073741824",
        "offset": "0.5",
    }
    mapping = {**MAPPING, "fields": {**MAPPING["fields"], "value": quantity}}
    rows, errors, _ = read(HEADER + GOOD.replace("eu", "10K"), mapping)
    assert not errors
    # 1.5 x 10,000 / 2^30 + 0.5, all digits (2^30 divides a power of ten)
    assert rows[0].value == Decimal("0.500013969838619232177734375")


def test_further_measures_become_exact_properties():
    mapping = {**MAPPING, "measures": {"double": {"column": "quantity", "factor": "2"}}}
    text = HEADER + GOOD.replace("1.5", "12345678901234567.8901234567890123")
    rows, _, _ = read(text, mapping)
    assert rows[0].properties == {"double": "24691357802469135.7802469135780246"}


def test_missing_column_is_told_before_any_row():
    with pytest.raises(MappingError) as caught:
        feed(HEADER.replace("quantity", "qty") + GOOD)
    assert caught.value.code == "missing_column"
    assert caught.value.facts == {"columns": "quantity"}


def test_alias_is_found_without_regard_to_case():
    fields = {**MAPPING["fields"], "value": {"column": ["Amount", "QUANTITY"]}}
    rows, _, _ = read(HEADER + GOOD, {**MAPPING, "fields": fields})
    assert rows[0].value == Decimal("1.5")


def test_column_that_stands_twice_cannot_be_mapped():
    with pytest.raises(MappingError) as caught:
        feed(HEADER.replace("region", "quantity") + GOOD)
    assert caught.value.code == "repeated_column"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"fields": {}}, "missing_key"),
        ({"filds": {}}, "unknown_key"),
        ({"identity": {"mode": "magic"}}, "wrong_value"),
        ({"identity": {"mode": "columns"}}, "missing_key"),
        ({"time_zone": "Nowhere/None"}, "unknown_time_zone"),
        ({"dimensions": {"a": {"file": "meter"}}}, "unknown_file_part"),
        ({"dimensions": {"a": {"colum": "x"}}}, "unknown_key"),
        ({"file_pattern": "("}, "wrong_value"),
        ({"format": "xlsx"}, "wrong_value"),
        ({"measures": {"m": {"column": "a", "factor": "1/0"}}}, "wrong_value"),
        ({"measures": {"m": {"column": "a", "factor": 0.1}}}, "wrong_value"),
    ],
)
def test_wrong_mapping_is_refused(change, code):
    with pytest.raises(MappingError) as caught:
        load_mapping({**MAPPING, **change})
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "empty_file"),
        (gzip.compress(HEADER.encode() * 500)[:-12], "damaged_archive"),
        (b"PK\x03\x04rest", "not_text"),
        (gzip.compress(b"0\n" * (50 << 20)), "too_large"),
        (b"0" * (17 << 20), "not_text"),
    ],
)
def test_unusable_file_is_refused_whole(raw, code):
    with pytest.raises(FeedError) as caught:
        inspect_content(raw, "usage.csv")
    assert caught.value.code == code


def test_reading_can_go_on_after_a_line():
    text = HEADER + "".join(GOOD.replace("e1", f"e{i}") for i in range(20))
    source = feed(text)
    (first,) = source.chunks(limit=8)
    rest = [
        row for c in source.chunks(size=8, after_line=first.last_line) for row in c.rows
    ]
    assert [row.event_id for row in first.rows + rest] == [f"e{i}" for i in range(20)]


def test_delimiter_of_a_single_column_file():
    assert detect_delimiter("a\n1\n2\n") == ","


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.just(GOOD.rstrip("\n")),
            st.text(alphabet=st.sampled_from('ae1,;"\t\n\r\0é\udcff. '), max_size=60),
        ),
        max_size=25,
    )
)
def test_any_file_is_read_to_its_end(lines):
    """However damaged: no exception, and every row is counted in one place."""
    raw = (HEADER + "\n".join(lines)).encode("utf-8", "surrogateescape")
    mapping = {
        **MAPPING,
        "options": {"delimiter": ",", "decimal": ".", "encoding": "utf-8"},
    }
    rows, errors, _ignored = read(raw, mapping)
    numbers = [item.row_number for item in rows + errors]
    assert len(numbers) == len(set(numbers))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                GOOD,
                GOOD.replace("1.5", "x"),
                'e0,"acme,2026-10-01T00:00:00Z,1,eu\n',
                'e1,"ac\nme",2026-10-01T00:00:00Z,1,"e""u"\n',
                "\n",
                "too,few\n",
                "e5,us,2026-10-01T00:00:00Z,1,us\n",
            ]
        ),
        max_size=40,
    ),
    st.integers(1, 300),
    st.integers(1, 30),
)
def test_result_does_not_depend_on_how_the_file_is_cut(lines, characters, limit):
    """Blocks of any size, at once or with a stop after any row: the same outcome."""
    mapping = {
        **MAPPING,
        "options": {"delimiter": ",", "decimal": "."},
        "ignore": [{"name": "US", "column": "region", "equals": "us"}],
    }
    text = HEADER + "".join(lines)
    expected = [sorted(part) for part in read(text, mapping)]
    with patch.object(csv_feed, "BLOCK_CHARACTERS", characters):
        assert [sorted(part) for part in read(text, mapping)] == expected
    source, found, line = feed(text, mapping), ([], [], []), 1
    while chunks := list(source.chunks(after_line=line, limit=limit)):
        for chunk in chunks:
            for part, more in zip(found, chunk[:3], strict=True):
                part.extend(more)
            line = chunk.last_line
    assert [sorted(part) for part in found] == expected


@given(
    st.lists(
        st.lists(st.text(alphabet='a",\n;é', max_size=5), min_size=5, max_size=5),
        max_size=12,
    )
)
def test_well_formed_rows_are_all_read(rows):
    """What the csv module writes, the feed reads: no row lost, none malformed."""
    import csv

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerows([HEADER.strip().split(","), *rows])
    mapping = {
        **MAPPING,
        "options": {"delimiter": ",", "decimal": ".", "encoding": "utf-8"},
    }
    _rows, errors, ignored = read(text.getvalue(), mapping)
    assert len(errors) + len(ignored) == len(rows)
    assert "malformed_row" not in {error.code for error in errors}
