# Part of Relevé. See LICENSE file for full copyright and licensing details.
from datetime import date
from decimal import Decimal as D

import pytest

from einvoice import identifiers, mentions, tva


@pytest.mark.parametrize("rate", ["20", "10", "5.5", "2.1", "8.5", "13", "0.9", "1.05"])
def test_rate_in_force_today(rate):
    assert tva.is_rate_in_force(D(rate), date(2026, 11, 22))


@pytest.mark.parametrize("rate", ["19.6", "7", "19", "21", "0"])
def test_rate_not_in_force_today(rate):
    assert not tva.is_rate_in_force(D(rate), date(2026, 11, 22))


def test_every_row_names_its_source():
    assert all(row.source for row in tva.rates())
    assert all(row.source for row in tva.regimes().values())


def test_every_exempt_regime_has_a_mention():
    for regime in tva.regimes().values():
        if regime.category in tva.EXEMPT_CATEGORIES:
            assert regime.mention, regime.code


@pytest.mark.parametrize(
    ("nature", "on_debits", "is_deposit", "expected"),
    [
        (tva.SERVICES, False, False, "72"),
        (tva.SERVICES, True, False, "5"),
        (tva.SERVICES, False, True, "72"),
        (tva.GOODS, False, False, "29"),
        (tva.GOODS, True, False, "29"),
        (tva.GOODS, False, True, "72"),
        (tva.MIXED, False, False, ""),
    ],
)
def test_vat_point(nature, on_debits, is_deposit, expected):
    assert tva.vat_point_code(nature, on_debits, is_deposit) == expected


@pytest.mark.parametrize("buyer", list(mentions.TREATMENTS))
def test_three_notes_of_br_fr_05_stand_on_every_document(buyer):
    codes = [item.code for item in mentions.required(mentions.Facts(buyer, tva.GOODS))]
    assert [code for code in codes if code in ("PMD", "PMT", "AAB")] == [
        "PMD",
        "PMT",
        "AAB",
    ]


def test_debits_option_is_printed_for_services_only():
    def keys(nature):
        facts = mentions.Facts(mentions.BUSINESS, nature, vat_on_debits=True)
        return [item.key for item in mentions.required(facts)]

    assert "vat_on_debits" in keys(tva.SERVICES)
    assert "vat_on_debits" in keys(tva.MIXED)
    assert "vat_on_debits" not in keys(tva.GOODS)


def test_consumer_is_not_threatened_with_the_business_penalty():
    facts = mentions.Facts(
        mentions.CONSUMER, tva.SERVICES, penalty=mentions.PENALTY_ECB
    )
    keys = [item.key for item in mentions.required(facts)]
    assert "late_penalty_consumer" in keys
    assert "late_penalty_ecb" not in keys


@pytest.mark.parametrize(
    ("registry", "vat", "siren"),
    [
        ("10000000900017", "", "100000009"),
        ("100 000 009", "", "100000009"),
        ("", "FR88100000009", "100000009"),
        ("garbage", "FR 88 100 000 009", "100000009"),
        ("10000000900018", "", ""),
        ("", "FR89100000009", ""),
        ("", "DE123456788", ""),
        (None, None, ""),
    ],
)
def test_siren_is_found_only_where_the_key_is_right(registry, vat, siren):
    assert identifiers.siren_of(registry, vat) == siren


def test_siret_of_la_poste_follows_its_own_key():
    assert identifiers.is_siret("35600000049837")
    assert not identifiers.is_siret("35600000049838")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("100000009", True), ("100000009_STATUTS", True), ("100 000", False), ("", False)],
)
def test_endpoint_format(text, expected):
    assert identifiers.is_endpoint(text) is expected
