"""Units behind numbers, in English and in French."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit_words import in_number


@pytest.mark.parametrize(
    ("label", "lang", "plural"),
    [
        ("call", "en_US", "calls"),
        ("vCPU-hour", "en_US", "vCPU-hours"),
        ("GB-hour", "en_GB", "GB-hours"),
        ("API call", "en_US", "API calls"),
        ("hour of vCPU", "en_US", "hours of vCPU"),
        ("query", "en_US", "queries"),
        ("day", "en_US", "days"),
        ("batch", "en_US", "batches"),
        ("calls", "en_US", "calls"),
        ("appel", "fr_FR", "appels"),
        ("heure de vCPU", "fr_FR", "heures de vCPU"),
        ("Go-heure", "fr_FR", "Go-heures"),
        ("instantané", "fr_FR", "instantanés"),
        ("signal", "fr_FR", "signaux"),
        ("mois", "fr_FR", "mois"),
        ("niveau", "fr_FR", "niveaux"),
        ("jour-homme", "fr_FR", "jour-homme"),
        ("utilisateur actif", "fr_FR", "utilisateurs actifs"),
        ("appel vocal sortant", "fr_FR", "appels vocaux sortants"),
        ("signature électronique", "fr_FR", "signatures électroniques"),
        ("page vue", "fr_FR", "pages vues"),
        ("page web", "fr_FR", "pages web"),
        ("minute audio", "fr_FR", "minutes audio"),
        ("jeton d'entrée", "fr_FR", "jetons d'entrée"),
        ("requête API", "fr_FR", "requêtes API"),
        ("e-mail", "fr_FR", "e-mails"),
        ("sous-compte", "fr_FR", "sous-comptes"),
        ("lot", "fr_FR", "lots"),
        ("Go sortant", "fr_FR", "Go sortant"),
        ("GB", "en_US", "GB"),
        ("kWh", "fr_FR", "kWh"),
        ("Go/mois", "fr_FR", "Go/mois"),
        ("litre(s)", "fr_FR", "litre(s)"),
        ("min", "en_US", "min"),
        ("hertz", "en_US", "hertz"),
        ("Anruf", "de_DE", "Anruf"),
    ],
)
def test_the_plural_of_a_unit(label, lang, plural):
    assert in_number(label, 2, lang) == plural
    assert in_number(label, 1, lang) == label
    assert in_number(label, None, lang) == label


def test_which_numbers_are_plural():
    english = {q: in_number("call", Decimal(q), "en_US") for q in ("0", "0.5", "-1")}
    assert english == {"0": "calls", "0.5": "calls", "-1": "call"}
    french = {q: in_number("appel", Decimal(q), "fr") for q in ("0", "1.99", "-2")}
    assert french == {"0": "appel", "1.99": "appel", "-2": "appels"}
    assert in_number("", 2, "fr_FR") == in_number(None, 2, None) == ""


@given(st.text(), st.sampled_from(["en_US", "fr_FR", "", None]))
def test_any_text_is_taken(label, lang):
    assert in_number(label, 3, lang).startswith(label[:1])
