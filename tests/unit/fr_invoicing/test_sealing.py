"""The seal's pure core: exact bytes, a chain nobody can touch, totals, signatures."""

import zipfile
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from io import BytesIO
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealing import anchor, keys, problems
from sealing.bundle import BundleSource, BundleWriter, link_line, read_link
from sealing.canonical import canonical, sha256
from sealing.chain import Link, check, extend, genesis
from sealing.closing import NOTHING, Totals, totals_of
from sealing.content import compare

DAY = datetime(2026, 11, 22, 10, 0)
START = genesis("4b0f7c1e")

texts = st.text(max_size=20)
facts = st.builds(
    Link,
    sequence=st.just(0),
    kind=st.sampled_from(["entry", "pdf", "payment", "status"]),
    key=st.integers(1, 9).map(lambda number: f"account.move,{number}"),
    revision=st.integers(1, 3),
    name=texts,
    sealed_at=st.datetimes(datetime(2026, 1, 1), datetime(2036, 1, 1)).map(
        lambda at: at.replace(microsecond=0)
    ),
    user=st.integers(1, 9),
    payload_sha256=texts.map(lambda text: sha256(text.encode())),
    size=st.integers(0, 10**6),
    previous_hash=st.just(""),
    hash=st.just(""),
)
chains = st.lists(facts, min_size=3, max_size=8).map(
    lambda items: list(extend(items, 0, START))
)


def codes(links, sequence=0, head=START):
    return {problem.code for problem in check(links, head, sequence)}


# === canonical bytes ===


def test_canonical_is_sorted_exact_and_without_blanks():
    value = {"b": [Decimal("1.50"), None, True], "a": date(2026, 11, 2), "é": "€"}
    assert (
        canonical(value) == '{"a":"2026-11-02","b":["1.5",null,true],"é":"€"}'.encode()
    )


@pytest.mark.parametrize("value", [1.5, {1: "a"}, {"a": b"x"}, object()])
def test_what_has_no_exact_form_is_refused(value):
    with pytest.raises(TypeError):
        canonical(value)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6))
def test_equal_numbers_are_written_alike(value):
    assert canonical([value]) == canonical([Decimal(f"{value:f}00")])
    assert Decimal(canonical([value])[2:-2].decode()) == value


# === the chain ===


@given(chains)
def test_a_chain_as_written_has_no_problem(links):
    assert codes(links) == set()
    assert [link.sequence for link in links] == list(range(1, len(links) + 1))


@given(chains, st.integers(1, 7))
def test_a_chain_written_in_two_slices_is_the_same(links, cut):
    head = links[:cut][-1]
    rest = list(extend(links[cut:], head.sequence, head.hash))
    assert [*links[:cut], *rest] == links


@given(chains, st.data())
def test_any_altered_field_is_found(links, data):
    index = data.draw(st.integers(0, len(links) - 1))
    field = data.draw(
        st.sampled_from(
            ["kind", "key", "revision", "name", "sealed_at", "user", "payload_sha256"]
        )
    )
    old = getattr(links[index], field)
    new = (
        old + 1 if isinstance(old, int) else DAY if field == "sealed_at" else old + "x"
    )
    links[index] = replace(links[index], **{field: new})
    assert codes(links) == ({"link_altered"} if new != old else set())


@given(chains, st.data())
def test_a_missing_link_is_found_and_named(links, data):
    index = data.draw(st.integers(0, len(links) - 2))
    gone = links.pop(index)
    found = list(check(links, START))
    assert [problem.code for problem in found] == ["link_missing"]
    assert found[0].where == f"link {gone.sequence}"


@given(chains, st.data())
def test_exchanged_links_are_found(links, data):
    one, two = data.draw(
        st.lists(st.integers(0, len(links) - 1), min_size=2, max_size=2, unique=True)
    )
    first, second = links[one], links[two]
    links[one] = replace(second, sequence=first.sequence)
    links[two] = replace(first, sequence=second.sequence)
    assert {"link_altered", "link_order"} & codes(links)


@given(chains)
def test_a_chain_of_another_database_does_not_fit(links):
    assert "link_order" in codes(links, head=genesis("another"))


@given(chains, facts)
def test_a_link_put_in_with_hashes_computed_anew_is_found(links, fact):
    """Whoever has no head to compare with still sees the next link break."""
    forged = list(extend([fact], links[0].sequence, links[0].hash))[0]
    if forged.hash != links[1].hash:
        assert "link_order" in codes([links[0], forged, *links[2:]])


@given(facts)
def test_a_link_survives_the_bundle(link):
    assert read_link(link_line(link)) == link


# === content ===


def entry(**changes):
    line = {"name": "Hosting", "debit": "0", "credit": "100", "tax_ids": "1"}
    fields = {"name": "INV/1", "amount_total": "120"}
    return {
        "fields": {**fields, **changes.pop("fields", {})},
        "lines": {"7": {**line, **changes}},
        "absent": [],
    }


def test_differences_name_field_and_line():
    found = list(compare("INV/1", "account.move,1", entry(), entry(credit="99")))
    assert [(item.code, item.field, item.expected, item.found) for item in found] == [
        ("line_altered", "credit", "100", "99")
    ]
    assert found[0].where == "line 7 (Hosting)"
    after = entry(fields={"amount_total": "1"})
    assert "amount_total is 1, sealed as 120" in str(
        next(compare("INV/1", "account.move,1", entry(), after))
    )


def test_columns_a_database_does_not_have_are_not_compared():
    before, after = entry(), entry()
    del after["lines"]["7"]["tax_ids"]
    assert list(compare("INV/1", "", before, after))
    after["absent"] = ["tax_ids"]
    assert not list(compare("INV/1", "", before, after))


# === closings ===


def payment(amount, event="collected", journal="bank", **values):
    return {
        "event": event,
        "partial": {"amount": amount},
        "sale": "out_invoice",
        "consumer": False,
        "counterpart": {"journal_type": journal},
        **values,
    }


def test_only_first_seals_and_money_count():
    fields = {"amount_untaxed_signed": "100", "amount_tax_signed": "20"}
    content = {"fields": {**fields, "amount_total_signed": "120"}}
    assert totals_of("entry", 1, content).total == 120
    assert totals_of("entry", 2, content) == NOTHING
    assert totals_of("status", 1, {}) == NOTHING
    assert totals_of("payment", 1, payment("5", journal="general")) == NOTHING
    assert totals_of("payment", 1, payment("5", consumer=True)) == Totals(
        collected=Decimal(5), consumer=Decimal(5)
    )
    assert totals_of("payment", 1, payment("5", sale="out_refund")).collected == -5


@given(st.decimals(0, 10**6, places=2))
def test_what_is_taken_back_undoes_what_was_paid(amount):
    paid = totals_of("payment", 1, payment(str(amount)))
    back = totals_of("payment", 2, payment(str(amount), "released"))
    assert paid + back == NOTHING


# === signatures ===


@pytest.fixture(scope="module")
def pair():
    return keys.generate("Hébergeur Exemple SAS", DAY, "phrase")


@pytest.fixture(scope="module")
def signed(pair):
    key, certificate = pair
    return anchor.sign(STATEMENT, keys.open_key(key, "phrase"), certificate, DAY)


STATEMENT = anchor.Statement(
    "Hébergeur Exemple SAS",
    "100000009",
    "4b0f7c1e",
    12,
    "ab12",
    "2026-11-21",
    "120.5",
    "Relevé",
)


def test_anchor_says_what_was_signed_and_when(pair, signed):
    assert anchor.verify(signed, pair[1]) == (STATEMENT, DAY)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"<sequence>12", b"<sequence>13"),
        (b"<head>ab12", b"<head>ab13"),
        (b"10:00:00Z", b"11:00:00Z"),
        (b"<company>", b"<company>x"),
        (b'URI="#signed-properties"', b'URI="#other"'),
        (b"</Anchor>", b"<sequence>99</sequence></Anchor>"),
    ],
)
def test_altered_anchor_proves_nothing(pair, signed, old, new):
    assert old in signed
    with pytest.raises(anchor.AnchorError):
        anchor.verify(signed.replace(old, new), pair[1])


def test_anchor_of_another_key_or_no_anchor_is_refused(signed):
    _key, certificate = keys.generate("Autre", DAY)
    for content in (signed, b"<x/>", b"no xml", b""):
        with pytest.raises(anchor.AnchorError):
            anchor.verify(content, certificate)


def test_external_entities_are_not_read(pair, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    evil = f'<!DOCTYPE a [<!ENTITY x SYSTEM "{secret.as_uri()}">]><a>&x;</a>'
    with pytest.raises(anchor.AnchorError):
        anchor.verify(evil.encode(), pair[1])


def test_key_is_encrypted_and_opens_with_its_phrase_only(pair):
    key, certificate = pair
    assert keys.is_encrypted(key)
    assert keys.open_key(key, "phrase").startswith(b"-----BEGIN PRIVATE KEY")
    for phrase in ("other", None):
        with pytest.raises(keys.KeyFileError, match="passphrase"):
            keys.open_key(key, phrase)
    assert keys.read_certificate(certificate).is_self_signed


def test_pkcs12_file_is_imported(pair):
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.serialization import pkcs12

    key = serialization.load_pem_private_key(pair[0].encode(), b"phrase")
    certificate = x509.load_pem_x509_certificate(pair[1].encode())
    content = pkcs12.serialize_key_and_certificates(
        b"seal", key, certificate, None, serialization.BestAvailableEncryption(b"word")
    )
    assert keys.import_pkcs12(content, "word")[1] == pair[1]
    for bad, word in ((content, "wrong"), (b"no file", "word")):
        with pytest.raises(keys.KeyFileError, match="password"):
            keys.import_pkcs12(bad, word)


# === bundle and sentences ===


def test_bundle_is_written_in_pieces_and_paths_never_collide():
    writer = BundleWriter()
    writer.add("a.json", b"1")
    first = writer.drain()
    writer.add("a.json", b"2")
    writer.close({"documents": [], "anchors": [], "chain": {}})
    content = first + writer.drain()
    with zipfile.ZipFile(BytesIO(content)) as bundle:
        assert bundle.read("a.json") == b"1"
        assert bundle.read("a-2.json") == b"2"
        assert "verifier/sealing/__main__.py" in bundle.namelist()
    assert not list(BundleSource(BytesIO(content)).problems())


def test_every_problem_has_a_sentence_of_its_own_facts():
    facts = {"what", "where", "field", "expected", "found"}
    for code, sentence in problems.SENTENCES.items():
        used = {
            name for _text, name, _format, _conversion in Formatter().parse(sentence)
        }
        assert used - {None} <= facts, code
        assert str(problems.Problem(code, "w", "h", "f", "e", "o"))
