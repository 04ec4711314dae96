# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""SIREN, SIRET and French VAT number: keys and coherence (python-stdnum)."""

import re

from stdnum.fr import siren as stdnum_siren
from stdnum.fr import siret as stdnum_siret
from stdnum.fr import tva as stdnum_tva

LA_POSTE = "356000000"


def clean(text):
    """Drop blanks, dots and dashes, as people type them.

    A lone "/" is Odoo's way to say that a partner has no VAT number.

    >>> clean(" 100 000 009 ")
    '100000009'
    >>> clean("/")
    ''
    """
    text = re.sub(r"[\s.\-]", "", text or "")
    return "" if text == "/" else text


def is_siren(text):
    """Say whether the nine digits have a right key (Luhn).

    >>> is_siren("100000009"), is_siren("100000008")
    (True, False)
    """
    return bool(re.fullmatch(r"\d{9}", text or "")) and stdnum_siren.is_valid(text)


def is_siret(text):
    """Say whether the fourteen digits are a SIRET.

    The establishments of La Poste have their own key: the digits sum to a multiple
    of five (its head office follows Luhn like everybody).
    """
    if not re.fullmatch(r"\d{14}", text or ""):
        return False
    if text.startswith(LA_POSTE):
        return stdnum_siret.is_valid(text) or sum(map(int, text)) % 5 == 0
    return stdnum_siret.is_valid(text)


def is_french_vat(text):
    """Say whether the text is a French VAT number with its prefix and a right key."""
    text = clean(text).upper()
    return text.startswith("FR") and stdnum_tva.is_valid(text)


def siren_of_vat(text):
    """Give the SIREN inside a valid French VAT number, or "".

    >>> siren_of_vat("FR 88 100 000 009")
    '100000009'
    """
    text = clean(text).upper()
    if not is_french_vat(text):
        return ""
    siren = text[-9:]
    return siren if is_siren(siren) else ""


def siren_of(registry, vat):
    """Find the SIREN in what a company register field and a VAT number say.

    :param str registry: SIREN or SIRET as typed, or anything else
    :param str vat: VAT number as typed
    :return: nine digits, or "" when neither holds one with a right key
    """
    registry = clean(registry)
    if is_siret(registry):
        return registry[:9]
    if is_siren(registry):
        return registry
    return siren_of_vat(vat)


def siret_of(registry):
    """Give the SIRET of a company register field, or ""."""
    registry = clean(registry)
    return registry if is_siret(registry) else ""


def is_endpoint(text):
    """Say whether the text can be an address of scheme 0225 (BR-FR-23, BR-FR-25)."""
    return bool(re.fullmatch(r"[A-Za-z0-9+\-_.]{1,125}", text or ""))
