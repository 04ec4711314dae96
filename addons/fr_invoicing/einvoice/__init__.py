# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""French electronic invoice documents, without Odoo.

Owns: the BT-numbered document (`document`), its XML (`facturx`, the one adapter to
the factur-x library), its PDF/A-3 (`pdf`), the checks before it may leave
(`arithmetic`, `validate`), the VAT codes (`tva`) and the choice of legal mentions
(`mentions`).

Does not own: the amounts (Odoo computes lines and TVA), the wording of the mentions
(dated records), what happens to a finished file (models).

Invariants
- a `Document` is immutable and refuses values that no invoice may carry;
- amounts are `Decimal`, never float, in the invoice currency unless said;
- nothing is attached, sent or called valid here: `validate` only reports findings,
  and a rule set that cannot run raises instead of reporting nothing.

Dates: `issue_date` is BT-2; periods are closed here ([start, end], both billed), as
EN 16931 wants them, while the ledger's `usage_period_end` is excluded.
"""
