# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""From a finding to the record and field to correct: buttons, dialog, list.

Used by the invoice form, by the refusal to post and by whoever lists findings.
"""

from dataclasses import asdict, replace

from .bridge import line_tax, product_lines
from .einvoice import rule_fix
from .einvoice.findings import FATAL, Finding

LEVELS = {FATAL: "danger"}


def located(move, finding):
    """Complete a finding of the official rules with the record and field to correct.

    :param move: account.move record the finding is about
    :rtype: Finding
    """
    if finding.model:
        return finding
    target, field = rule_fix.find(finding.rule)
    record = _record(move, target, rule_fix.line_number(finding.location))
    if not record:
        return finding
    if target == "line":
        field = "invoice_line_ids"
    return replace(finding, model=record._name, res_id=record.id, field=field)


def _record(move, target, number):
    """Give the record a word of data/rule_fix.csv means for an invoice."""
    lines = product_lines(move)
    line = lines[number - 1] if 0 < number <= len(lines) else lines[:1]
    if target == "tax":
        return line_tax(line).tax if line else None
    return {
        "move": move,
        "line": move,  # lines are corrected on their invoice
        "buyer": move.commercial_partner_id,
        "delivery": move.partner_shipping_id or move.partner_id,
        "seller": move.company_id.partner_id,
        "company": move.company_id,
        "bank": move.partner_bank_id,
    }.get(target)


def as_dict(finding):
    """Give a finding as the dict that is stored and shown."""
    return asdict(finding) if isinstance(finding, Finding) else finding


def action(env, finding):
    """Give the action that opens the record to correct, or None.

    :param finding: Finding or its dict
    :rtype: dict | None
    """
    finding = as_dict(finding)
    record = target(env, finding)
    if not record:
        return None
    return {
        "type": "ir.actions.act_window",
        "name": record.display_name,
        "res_model": record._name,
        "res_id": record.id,
        "views": [[False, "form"]],
        "target": "current",
        "context": {"fr_field_to_fix": finding.get("field") or ""},
    }


def target(env, finding):
    """Give the record a finding asks to correct, when the user may read it."""
    model, res_id = finding.get("model"), finding.get("res_id")
    if not (model and res_id and model in env):
        return None
    record = env[model].browse(res_id).exists()
    return record if record and record.has_access("read") else None


def field_label(env, finding, record=None):
    """Give the label of the field to correct in the user's language, or "".

    :param record: a record at hand: the finding's own is then not looked up again
    """
    model, name = finding.get("model"), finding.get("field")
    if not (model and name and model in env and name in env[model]._fields):
        return ""
    if name == "company_registry":
        # the form names it as the country does: Siret
        place = (model, finding.get("res_id"))
        if record is None or (record._name, record.id) != place:
            record = target(env, finding)
        if not record:
            return env[model].fields_get([name], ["string"])[name]["string"]
        partner = record.partner_id if model == "res.company" else record
        return partner.company_registry_label
    return env[model].fields_get([name], ["string"])[name]["string"]


def alerts(env, findings, origin=None):
    """Give findings as the data of the widget `actionable_errors`.

    :param findings: findings or their dicts
    :param origin: record shown already, which needs no button to be opened
    :rtype: dict[str, dict]
    """
    result = {}
    for number, finding in enumerate(map(as_dict, findings)):
        rule = finding["rule"]
        label = field_label(env, finding)
        place = f" [{label}]" if label else ""
        alert = {
            "level": LEVELS.get(finding["severity"], "warning"),
            "message": f"{finding['message']}{place} ({rule})",
        }
        record = target(env, finding)
        if record and record != origin:
            alert["action"] = action(env, finding)
            alert["action_text"] = env._("Open %(record)s", record=record.display_name)
        key = f"fr_{rule.lower()}"
        result[key if key not in result else f"{key}_{number}"] = alert
    return result


def redirect(move, findings):
    """Give the button of a refusal: the one record to correct, or the list of all.

    :rtype: tuple[dict, str]
    """
    env = move.env
    records = {
        record
        for record in (target(env, as_dict(finding)) for finding in findings)
        if record
    }
    if len(records) == 1:
        record = records.pop()
        if record == move and not move.name:
            label = env._("Open the invoice")
        else:
            label = env._("Open %(record)s", record=record.display_name)
        return (
            action(env, next(f for f in findings if f.res_id == record.id)),
            label,
        )
    return dialog_action(move), env._("Show what to correct")


def dialog_action(record):
    """Give the action of the dialog that lists what to correct on a record.

    :param record: account.move, res.partner, res.company or account.tax
    """
    return {
        "type": "ir.actions.act_window",
        "name": record.env._("What to Correct"),
        "res_model": "fr.fix.dialog",
        "views": [[False, "form"]],
        "target": "new",
        "context": {
            "default_res_model": record._name,
            "default_res_id": record.id,
        },
    }
