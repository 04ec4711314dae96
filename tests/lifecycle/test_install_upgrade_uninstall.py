"""Add-ons install alone, upgrade without moving a figure, leave the ledger intact."""

import pytest

from tools.releve import databases, demo
from tools.releve.odoo import suite_addons

TABLE_PREFIX = {
    "usage_billing": "usage_",
    "billing_connectors": "billing_",
    "revenue_share": "revenue_share_",
    "fr_invoicing": "fr_",
}

UNINSTALL = """
module = env["ir.module.module"].search([("name", "=", arguments[0])])
module.button_immediate_uninstall()
"""

INVOICE = """
partner = env["res.partner"].create({
    "name": "Atelier du Pont", "country_id": env.ref("base.fr").id, "is_company": True,
    "vat": "FR23334175221", "company_registry": "33417522101010",
})
product = env["product.product"].create({
    "name": "Hosting", "type": "service", "lst_price": 100,
})
move = env["account.move"].create({
    "move_type": "out_invoice",
    "partner_id": partner.id,
    "invoice_date": "2026-10-31",
    "invoice_line_ids": [
        (0, 0, {"product_id": product.id, "quantity": 3, "price_unit": 33.33}),
    ],
})
move.action_post()
"""

LEDGER = """
select move.name, move.state, move.amount_untaxed, move.amount_total,
       account.code_store::text, line.debit, line.credit, line.balance,
       line.amount_currency, line.quantity, line.price_unit
  from account_move_line line
  join account_move move on move.id = line.move_id
  join account_account account on account.id = line.account_id
 order by line.id
"""


OURS = {
    "rated lines": "select quantity, exact_amount, amount, state, evidence"
    " from usage_rated_line order by id",
    "events": "select count(*), sum(value), sum(hashtext(event_id)::bigint)"
    " from usage_store_event",
    "rollups": "select sum(event_count), sum(value_sum) from usage_store_rollup",
    "shares": "select exact_amount, amount from revenue_share_line order by id",
    "documents": "select name, checksum from ir_attachment"
    " where res_model = 'account.move' and name like '%.pdf' order by id",
}


def posted_figures(odoo, database):
    rows = odoo.server.query(LEDGER, database)
    assert rows, "the test posted nothing"
    return rows


def run_script(odoo, database, tmp_path, text, *arguments):
    script = tmp_path / "step.py"
    script.write_text(text)
    odoo.script_in(database, script, *arguments)


def state(odoo, database, addon):
    return odoo.server.query(
        f"select state from ir_module_module where name = '{addon}'", database
    )[0][0]


@pytest.mark.parametrize("addon", suite_addons())
def test_installs_alone_and_uninstalls_leaving_the_ledger(
    odoo, database, addon, tmp_path
):
    databases.create(odoo, database, [addon])
    others = {name for name in suite_addons() if name not in (addon, "usage_billing")}
    installed = {
        row[0]
        for row in odoo.server.query(
            "select name from ir_module_module where state = 'installed'", database
        )
    }
    assert addon in installed
    assert not others & installed, "an add-on pulled in one it must not depend on"

    run_script(odoo, database, tmp_path, INVOICE)
    before = posted_figures(odoo, database)
    run_script(odoo, database, tmp_path, UNINSTALL, addon)

    assert state(odoo, database, addon) == "uninstalled"
    assert posted_figures(odoo, database) == before
    left = odoo.server.query(
        "select relname from pg_class where relkind in ('r', 'p', 'v')"
        " and relnamespace = 'public'::regnamespace"
        f" and starts_with(relname, '{TABLE_PREFIX[addon]}')",
        database,
    )
    assert left == [], "tables of ours stayed behind"
    left = odoo.server.query(
        "select proname from pg_proc where pronamespace = 'public'::regnamespace"
        f" and starts_with(proname, '{TABLE_PREFIX[addon]}')",
        database,
    )
    assert left == [], "functions of ours stayed behind"


def test_full_database_upgrades_and_loses_the_suite_without_moving_a_figure(
    odoo, database, tmp_path
):
    """After the main job: invoices, a credit note, a payment, shares, statements."""
    databases.create(odoo, database, suite_addons())
    odoo.script_in(database, demo.JOB, "", "")
    ledger = posted_figures(odoo, database)
    ours = {name: odoo.server.query(sql, database) for name, sql in OURS.items()}
    assert all(ours.values())

    odoo.install(database, suite_addons(), update=True)
    assert posted_figures(odoo, database) == ledger
    for name, sql in OURS.items():
        assert odoo.server.query(sql, database) == ours[name], name

    # what depends on usage_billing leaves with it
    run_script(odoo, database, tmp_path, UNINSTALL, "usage_billing")
    for addon in suite_addons():
        assert state(odoo, database, addon) == "uninstalled"
    assert posted_figures(odoo, database) == ledger
