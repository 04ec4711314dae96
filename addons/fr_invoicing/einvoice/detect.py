# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Reads from the words of a tax why it charges no VAT.

A user who makes a tax of 0 % says why in its name, description or legal notes ("0 %
autoliquidation BTP", "Exonéré art. 261 C 1°"). The words are looked up here, most
precise first; what cannot be read stays unknown and is told to the user.
"""

import re
import unicodedata

GOODS = "goods"

# pattern on lower case text without accents -> code of data/vat_regime.csv; "intra" and
# "export" still need the nature of the line
WORDS = (
    (r"293 ?b\b|franchise|small business", "franchise"),
    (r"283.{0,4}\bnonies|sous.?trait|\bbtp\b|construction|batiment", "?construction"),
    (r"283.{0,4}\bsexies|dechet|\bwaste|scrap|recuperation", "?waste"),
    (r"283.{0,4}\bquinquies|electricite|electricity|\bgaz\b|\bgas\b", "?energy"),
    (r"283.{0,4}\bsepties|quota|emission|garantie d.origine", "?emission"),
    (r"283.{0,4}\bocties|telecom|communications? electronique", "?telecom"),
    (r"triangul|\b141\b.{0,25}directive", "triangular"),
    (r"hors (ue|eu|union)\b|outside (the )?(eu|europe)|non.?eu\b", "export"),
    (r"262 ?ter|intra.?com|intra.?(eu|ue)\b|\b(eu|ue)\b", "intra"),
    (r"autoliquid|auto.liquid|reverse.?charge|\b283\b", "reverse"),
    (r"marge|margin|297 ?a\b|266.{0,3}1.{0,3}\be\b|occasion|second.?hand", "margin"),
    (r"debours|disbursement", "disbursement"),
    (r"257 ?bis", "transfer"),
    (r"298 ?sexdecies", "gold"),
    (r"\b277 ?a\b", "suspension_277a"),
    (r"\b275\b", "suspension_275"),
    (r"\b295\b", "exempt_295"),
    (r"\b294\b|\bdom\b|drom|outre.?mer|overseas", "overseas"),
    (r"\b262\b|export|\b259\b", "export"),
    (
        r"hors champ|hors.?tva|out.?of.?scope|outside the scope|non soumis",
        "out_of_scope",
    ),
    (r"net(te)? de (taxe|tva)|without vat", "credit_without_vat"),
    (r"diplomat|ambassade|embassy", "diplomatic"),
    (r"exo|exempt", "exempt"),
)
ARTICLE = re.compile(
    r"\b261[\s,.\-]*(?P<letter>[a-e])?\b[\s,.\-]*(?P<number>\d)?\s*(?P<bis>(°|o|º)?\s*bis)?"
)
MARGINS = (
    (r"voyage|travel|266", "margin_travel"),
    (r"\bart\b|oeuvre", "margin_art"),
    (r"antiqu|collection", "margin_antiques"),
)


def plain(text):
    """Give the text in lower case, without accents, blanks made one.

    >>> plain("Exonéré,  Art. 261\\u00a0C")
    'exonere, art. 261 c'
    """
    text = unicodedata.normalize("NFKD", (text or "").replace("œ", "oe")).lower()
    text = "".join(char for char in text if not unicodedata.combining(char))
    return " ".join(text.split())


def regime_of_words(text, nature, is_domestic, codes):
    """Give the regime the words of a tax mean, or "".

    >>> known = {"exempt", "exempt_261c_1", "intra_goods", "reverse_construction"}
    >>> regime_of_words("Exonéré (CGI art. 261 C, 1°)", "services", True, known)
    'exempt_261c_1'
    >>> regime_of_words("0% EU G", "goods", False, known)
    'intra_goods'
    >>> regime_of_words("Autoliquidation sous-traitance BTP", "services", True, known)
    'reverse_construction'

    :param str text: name, description, legal notes... put together
    :param str nature: nature of the line, "goods" or "services"
    :param bool is_domestic: the customer is in France
    :param codes: the regimes that exist
    """
    text = plain(text)
    if code := _exemption(text, codes):
        return code
    is_reverse = bool(re.search(r"autoliquid|auto.liquid|reverse|\b283\b", text))
    for pattern, code in WORDS:
        if not re.search(pattern, text):
            continue
        if code.startswith("?"):
            # words like "construction" mean a reverse charge only beside that word
            if not is_reverse:
                continue
            code = f"reverse_{code[1:]}"
        elif code == "reverse":
            code = "domestic_reverse" if is_domestic else f"intra_{nature}"
        elif code == "margin":
            code = _margin(text)
        elif code in ("intra", "export", "overseas"):
            code = f"{code}_{nature}"
        if code in codes:
            return code
    return ""


def _exemption(text, codes):
    """Give the regime of an article 261 to 261 E that is named precisely."""
    for match in ARTICLE.finditer(text):
        letter, number = match["letter"] or "", match["number"] or ""
        bis = "bis" if match["bis"] else ""
        tail = f"_{number}{bis}" if number else ""
        code = f"exempt_261{letter}{tail}"
        if code in codes:
            return code
    return ""


def _margin(text):
    for pattern, code in MARGINS:
        if re.search(pattern, text):
            return code
    return "margin_goods"
