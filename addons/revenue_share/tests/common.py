from datetime import date

from odoo import Command
from odoo.tests.common import TransactionCase, new_test_user


class RevenueShareCommon(TransactionCase):
    """Two partners, a customer, and factories that show only what matters."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.env.company
        if not cls.company.chart_template:
            cls.env["account.chart.template"].try_loading("fr", cls.company)
        if "fr_seal_active" in cls.company._fields:
            # beside French invoicing a posted document could not be reopened
            cls.company.fr_seal_active = False
        cls.reseller = cls._create_partner("Reseller of the tests")
        cls.author = cls._create_partner("Author of the tests")
        cls.customer = cls._create_partner("Customer of the tests")
        cls.music = cls._create_product("Music")
        cls.movie = cls._create_product("Movie")
        cls.approver = cls._create_user("rs_approver", "approver")
        cls.env.user.group_ids |= cls.env.ref(
            "usage_billing.group_usage_billing_approver"
        )

    @classmethod
    def _create_partner(cls, name, **values):
        return cls.env["res.partner"].create(
            {"name": name, "is_company": True, **values}
        )

    @classmethod
    def _create_product(cls, name, **values):
        return cls.env["product.product"].create(
            {"name": name, "type": "service", "taxes_id": [Command.clear()], **values}
        )

    @classmethod
    def _create_user(cls, login, role, **values):
        return new_test_user(
            cls.env,
            login,
            groups=f"base.group_user,usage_billing.group_usage_billing_{role}",
            company_id=cls.company.id,
            company_ids=[Command.set(cls.company.ids)],
            **values,
        )

    @classmethod
    def _create_portal_user(cls, login, partner, role=True):
        groups = "revenue_share.group_revenue_share_portal_partner"
        user = new_test_user(
            cls.env,
            login,
            groups=groups if role else "base.group_portal",
            company_id=cls.company.id,
            company_ids=[Command.set(cls.company.ids)],
        )
        user.partner_id.parent_id = partner
        return user

    @classmethod
    def _create_agreement(cls, rules, customers=None, activate=True, **values):
        """Create an agreement in force since the start of 2026.

        :param rules: (partner, kind, value) or (partner, kind, value, more values)
        :param values: of the version for ``base``, ``granularity`` and dates, of the
            agreement otherwise
        """
        version = {
            name: values.pop(name)
            for name in ("base", "granularity", "date_from", "date_to")
            if name in values
        }
        agreement = cls.env["revenue.share.agreement"].create(
            {
                "name": "Agreement of the tests",
                "company_id": cls.company.id,
                "currency_id": cls.company.currency_id.id,
                "attribution_ids": [
                    Command.create({"customer_id": customer.id})
                    for customer in (cls.customer if customers is None else customers)
                ],
                "version_ids": [
                    Command.create(
                        {
                            "date_from": date(2026, 1, 1),
                            "rule_ids": [
                                Command.create(
                                    {
                                        "partner_id": rule[0].id,
                                        "kind": rule[1],
                                        "value": rule[2],
                                        **(rule[3] if len(rule) > 3 else {}),
                                    }
                                )
                                for rule in rules
                            ],
                            **version,
                        }
                    )
                ],
                **values,
            }
        )
        if activate:
            agreement.version_ids.action_activate()
        return agreement

    @classmethod
    def _create_invoice(cls, *lines, post=True, day="2026-03-10", **values):
        """Create an invoice of (product, net) or (product, net, line values)."""
        move = cls.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": cls.customer.id,
                "invoice_date": day,
                "company_id": cls.company.id,
                "invoice_line_ids": [
                    Command.create(
                        {
                            "product_id": line[0].id,
                            "quantity": 1,
                            "price_unit": line[1],
                            "tax_ids": [Command.clear()],
                            **(line[2] if len(line) > 2 else {}),
                        }
                    )
                    for line in lines
                ],
                **values,
            }
        )
        if post:
            move.action_post()
        return move

    @classmethod
    def _reverse(cls, move, day="2026-03-20", post=True):
        """Create the credit note of a whole invoice."""
        refund = move._reverse_moves([{"invoice_date": day}])
        if post:
            refund.action_post()
        return refund

    def _shares(self, records):
        """Return partner -> amount of the share lines of items, moves or statements."""
        if records._name == "account.move":
            lines = self.env["revenue.share.line"].search(
                [("move_id", "in", records.ids)]
            )
        else:
            lines = records.line_ids
        amounts = {}
        for line in lines:
            amounts[line.partner_id] = amounts.get(line.partner_id, 0) + line.amount
        return {partner: round(amount, 6) for partner, amount in amounts.items()}
