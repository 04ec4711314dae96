# Part of Relevé. See LICENSE file for full copyright and licensing details.
import doctest
from datetime import date

import pytest

from einvoice import (
    detect,
    flow_kind,
    mentions,
    rule_fix,
    territory,
    territory_setup,
    tva,
)


@pytest.mark.parametrize("module", [detect, flow_kind, rule_fix, territory, tva])
def test_examples_in_the_docstrings(module):
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    ("country", "postcode", "expected"),
    [
        ("FR", "69001", "metropole"),
        ("FR", "20200", "corsica"),
        ("FR", "97110", "guadeloupe"),
        ("FR", "97133", "saint_barth"),
        ("GP", "97150", "saint_martin"),
        ("FR", "97200", "martinique"),
        ("FR", "97300", "guyane"),
        ("YT", "", "mayotte"),
        ("FR", "97500", "saint_pierre"),
        ("NC", "98800", "new_caledonia"),
        ("MC", "98000", "monaco"),
        ("FR", "98000", "monaco"),
        ("", "75001", "metropole"),
    ],
)
def test_territory_of_an_address(country, postcode, expected):
    assert territory.find(country, postcode).code == expected


def test_abroad_is_no_territory():
    assert territory.find("DE", "20095") is None
    assert territory.find("US", "97201") is None


@pytest.mark.parametrize(
    ("code", "area"),
    [("reunion", "france"), ("guyane", "outside"), ("monaco", "monaco")],
)
def test_vat_area(code, area):
    assert territory.territories()[code].vat_area == area


@pytest.mark.parametrize(
    ("buyer", "scopes", "expected"),
    [
        (mentions.BUSINESS, [""], "2"),
        (mentions.BUSINESS, ["", "out"], "2"),
        (mentions.BUSINESS, ["out"], "none"),
        (mentions.BUSINESS, ["margin"], "2"),
        (mentions.FOREIGN_BUSINESS, [""], "10.1"),
        (mentions.CONSUMER, [""], "10.3"),
        (mentions.FOREIGN_CONSUMER, [""], "10.3"),
        (mentions.FOREIGN_CONSUMER, ["foreign"], "none"),
        (mentions.BUSINESS, [], "none"),
    ],
)
def test_flow_of_a_document(buyer, scopes, expected):
    assert flow_kind.flow_kind(buyer, scopes) == expected


def test_seller_in_guyane_is_outside_the_reform():
    assert flow_kind.flow_kind(mentions.BUSINESS, [""], False) == "none"


@pytest.mark.parametrize(
    ("category", "scope", "nature", "expected"),
    [
        ("S", "", tva.GOODS, "TLB1"),
        ("S", "", tva.SERVICES, "TPS1"),
        ("G", "", tva.GOODS, "TNT1"),
        ("E", "margin", tva.GOODS, "TMA1"),
        ("E", "out", tva.SERVICES, ""),
    ],
)
def test_category_of_the_report(category, scope, nature, expected):
    assert flow_kind.transaction_category(category, scope, nature) == expected


@pytest.mark.parametrize(
    ("words", "nature", "domestic", "expected"),
    [
        (
            "TVA 0% - Autoliquidation BTP (art. 283-2 nonies)",
            "services",
            True,
            "reverse_construction",
        ),
        ("Autoliquidation", "services", True, "domestic_reverse"),
        ("Reverse charge", "services", False, "intra_services"),
        ("Exonération art. 261-4-4° a du CGI", "services", True, "exempt_261_4"),
        ("Exo 261 C 1", "services", True, "exempt_261c_1"),
        ("Location nue 261 D, 2°", "services", True, "exempt_261d_2"),
        ("261 D 1° bis", "services", True, "exempt_261d_1bis"),
        ("TVA non applicable, art. 293 B du CGI", "services", True, "franchise"),
        ("0 % export hors UE", "goods", False, "export_goods"),
        ("0% EU S", "services", False, "intra_services"),
        ("Exonération 262 ter I", "goods", False, "intra_goods"),
        ("Marge - agence de voyages", "services", True, "margin_travel"),
        ("Biens d'occasion (297 A)", "goods", True, "margin_goods"),
        ("Débours", "services", True, "disbursement"),
        ("Hors champ TVA", "services", True, "out_of_scope"),
        ("0 % exonéré", "services", True, "exempt"),
        ("Quotas d'émission, autoliquidation", "goods", True, "reverse_emission"),
        ("0%", "services", True, ""),
        ("Construction de site web 0%", "services", True, ""),
    ],
)
def test_reason_read_from_the_words_of_a_tax(words, nature, domestic, expected):
    codes = set(tva.regimes())
    assert detect.regime_of_words(words, nature, domestic, codes) == expected


def test_every_code_of_the_words_is_a_regime():
    special = {"intra", "reverse", "margin", "overseas", "export"}
    plain = {code for _pattern, code in detect.WORDS} - special
    codes = {f"reverse_{code[1:]}" if code[0] == "?" else code for code in plain}
    codes |= {code for _pattern, code in detect.MARGINS}
    codes |= {
        f"{place}_{nature}"
        for place in ("intra", "export", "overseas")
        for nature in ("goods", "services")
    }
    assert codes <= set(tva.regimes())


@pytest.mark.parametrize(
    ("home", "there", "business", "expected"),
    [
        ("metropole", "reunion", True, ["dom_business"]),
        ("metropole", "reunion", False, ["dom_consumer"]),
        ("metropole", "guyane", True, ["outside_business"]),
        ("metropole", "corsica", False, ["corsica"]),
        ("metropole", "metropole", True, []),
        ("reunion", "reunion", False, ["dom_local"]),
        ("reunion", "metropole", True, ["mainland_business"]),
        ("guyane", "guyane", True, ["no_vat", "outside_business"]),
    ],
)
def test_fiscal_position_of_a_territory(home, there, business, expected):
    places = territory.territories()
    found = [
        row.area
        for row in territory_setup.positions()
        if territory_setup.matches(
            row.area, places[home], places[there], business, False
        )
    ]
    assert found == expected


def test_exemption_scheme_goes_first_in_france_only():
    home = territory.territories()["metropole"]
    assert territory_setup.matches("franchise", home, home, True, True)
    assert territory_setup.matches("franchise", home, None, False, True)
    assert not territory_setup.matches("franchise", home, None, True, True)


def test_taxes_are_switched_on_where_they_are_needed():
    places, day = territory.territories(), date(2026, 11, 22)
    by_code = {row.code: row for row in territory_setup.taxes()}

    def is_active(code, home):
        return territory_setup.is_active(by_code[code], places[home], False, False, day)

    assert is_active("fr_dom_85_s", "metropole")
    assert not is_active("fr_dom_175_g", "metropole")
    assert is_active("fr_dom_175_g", "martinique")
    assert is_active("fr_corsica_13_g", "corsica")
    assert not is_active("fr_corsica_13_g", "reunion")


def test_rates_of_the_territory_taxes_are_in_force():
    for row in territory_setup.taxes():
        assert not row.rate or tva.is_rate_in_force(row.rate, date(2026, 11, 22))
        assert row.regime in tva.regimes()


def test_every_rule_leads_to_a_known_place():
    places = {"move", "line", "tax", "buyer", "delivery", "seller", "company", "bank"}
    assert {target for _rule, target, _field in rule_fix._table()} <= places
    assert rule_fix.find("BR-FR-16_BT-152") == ("tax", "fr_tax_profile_id")
    assert rule_fix.find("BR-FR-CO-05_BT-3") == ("move", "fr_origin_move_id")
    assert rule_fix.find("BR-IC-11") == ("move", "delivery_date")
