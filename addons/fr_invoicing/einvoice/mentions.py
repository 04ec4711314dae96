# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Which legal mentions a document needs. The wording is dated data (fr.legal.text).

Sources: CGI ann. II art. 242 nonies A (CIBS L 216-41 since 2026-09-01) and decree
2022-1299 for the four mentions of the reform; Code de commerce L441-9, L441-10 and
D441-5 for the terms of payment; XP Z12-012 BR-FR-05 for the subject codes.
"""

from dataclasses import dataclass

from .tva import MIXED, SERVICES

# kind of buyer
BUSINESS = "business"
FOREIGN_BUSINESS = "foreign_business"
CONSUMER = "consumer"
FOREIGN_CONSUMER = "foreign_consumer"

# BAR note (BR-FR-20): how the platform has to treat the document
TREATMENTS = {
    BUSINESS: "B2B",
    FOREIGN_BUSINESS: "B2BINT",
    CONSUMER: "B2C",
    FOREIGN_CONSUMER: "B2CINT",
}

OUT_OF_SCOPE = "OUTOFSCOPE"
# TXD note of a member of a VAT group (BR-FR-CO-14)
VAT_GROUP = "MEMBRE_ASSUJETTI_UNIQUE"

# wording of the late-payment penalty
PENALTY_ECB = "ecb"
PENALTY_LEGAL = "legal"
PENALTY_RATE = "rate"


@dataclass(frozen=True, slots=True)
class Facts:
    """What the choice of mentions depends on.

    buyer: one of the kinds above
    nature: tva.GOODS, SERVICES or MIXED
    vat_on_debits: the seller opted to pay VAT on services when invoicing
    penalty: PENALTY_ECB, PENALTY_LEGAL or PENALTY_RATE
    has_discount: early payment earns a discount
    has_legal_form, has_registry: the seller's settings give them
    vat_mentions: keys of the mentions of the VAT regimes on the document
    is_self_billed: the customer issues the document in the supplier's name
    has_mandate: the supplier's mandate to do so is known
    is_factored: the claim was assigned, somebody else is to be paid
    """

    buyer: str
    nature: str
    vat_on_debits: bool = False
    penalty: str = PENALTY_ECB
    has_discount: bool = False
    has_legal_form: bool = True
    has_registry: bool = True
    vat_mentions: tuple = ()
    is_self_billed: bool = False
    is_factored: bool = False
    has_mandate: bool = False


@dataclass(frozen=True, slots=True)
class Mention:
    """One mention to print.

    code: UNTDID 4451 subject code of the note; "" when it is printed on the page only
        (the XML says it elsewhere)
    key: code of the fr.legal.text that has the wording
    source: the rule that asks for it
    """

    code: str
    key: str
    source: str


def required(facts):
    """Choose the mentions of a document.

    :param Facts facts: the document and its parties
    :return: mentions in the order they are printed
    :rtype: list[Mention]
    """
    is_consumer = facts.buyer in (CONSUMER, FOREIGN_CONSUMER)
    mentions = [
        Mention(
            "",
            f"operation_{facts.nature}",
            "CGI ann. II 242 nonies A I 8° quater; decree 2022-1299",
        )
    ]
    if facts.is_self_billed:
        mentions.append(
            Mention("AAI", "self_billing", "CGI art. 289 I-2; ann. II 242 nonies A I")
        )
        if facts.has_mandate:
            mentions.append(Mention("AAI", "self_billing_mandate", "CGI art. 289 I-2"))
    if facts.is_factored:
        mentions.append(Mention("AAI", "factoring", "C. civ. art. 1346-1, 1346-5"))
    if facts.vat_on_debits and facts.nature in (SERVICES, MIXED):
        mentions.append(
            Mention(
                "AAI",
                "vat_on_debits",
                "CGI ann. II 242 nonies A I 11° bis; decree 2022-1299",
            )
        )
    mentions += [
        Mention("", key, "CGI ann. II 242 nonies A I 12°, 13°")
        for key in facts.vat_mentions
    ]
    mentions += [
        # consumers too: BR-FR-05 asks for the three notes on every document
        Mention(
            "PMD",
            "late_penalty_consumer" if is_consumer else f"late_penalty_{facts.penalty}",
            "C. com. L441-9 I, L441-10 II; BR-FR-05",
        ),
        Mention(
            "PMT",
            "recovery_fee_consumer" if is_consumer else "recovery_fee",
            "C. com. L441-10 II, D441-5; BR-FR-05",
        ),
        Mention(
            "AAB",
            "discount" if facts.has_discount else "no_discount",
            "C. com. L441-9 I; BR-FR-05",
        ),
    ]
    if facts.has_legal_form:
        mentions.append(Mention("REG", "legal_form", "C. com. R123-238"))
    if facts.has_registry:
        mentions.append(Mention("ABL", "registry", "C. com. R123-237"))
    return mentions
