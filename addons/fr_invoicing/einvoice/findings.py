# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""What a check found, whoever checked."""

from dataclasses import dataclass, field

FATAL = "fatal"
WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken rule.

    rule: id of the rule ("BR-FR-12_BT-49", "BR-CO-10", "XSD", "ARITH-106")
    severity: FATAL or WARNING
    location: XPath or place in words
    message: the rule's own text
    source: rule set ("xsd", "en16931", "br-fr", "arithmetic", "pdf", "preflight")
    code, facts: of a finding of our own, to say it again in another language
    model, res_id, field: what to fix, names of Odoo ("res.partner", 7, "fr_siren");
        "" and 0 when the place is not known
    """

    rule: str
    severity: str
    location: str
    message: str
    source: str = ""
    code: str = ""
    facts: dict = field(default_factory=dict)
    model: str = ""
    res_id: int = 0
    field: str = ""  # last: it hides the function of dataclasses

    @property
    def is_fatal(self):
        """Say whether the document must not leave."""
        return self.severity == FATAL


def has_fatal(findings):
    """Say whether one of the findings is fatal."""
    return any(finding.is_fatal for finding in findings)
