"""A connected French company with invoices to send and one paid in part; see below.

Run in a database: ``transmission_setup.py FLOW_URL DIRECTORY_URL TOKEN_URL ID SECRET``.
"""

env = globals()["env"]
flow_url, directory_url, token_url, client, secret = globals()["arguments"]
company = env.company
company.write(
    {
        "street": "12 rue des Serveurs",
        "zip": "75010",
        "city": "Paris",
        "vat": "FR88100000009",
        "company_registry": "10000000900017",
        "email": "facturation@example.com",
        "fr_legal_form": "SAS",
        "fr_share_capital": 50000,
        "fr_registry_city": "Paris",
    }
)
company.fr_platform_id = env["fr.platform"].create(
    {
        "name": "Platform",
        "is_test": True,
        "flow_url": flow_url,
        "directory_url": directory_url,
        "token_url": token_url,
        "client_id": client,
        "new_client_secret": secret,
        "timeout_s": 10,
    }
)
customer = env["res.partner"].create(
    {
        "name": "Client Exemple SARL",
        "is_company": True,
        "street": "1 rue de Là",
        "zip": "69001",
        "city": "Lyon",
        "country_id": env.ref("base.fr").id,
        "vat": "FR37200000008",
        "company_registry": "20000000800018",
        "email": "compta@client.example.com",
    }
)
product = env["product.product"].create(
    {"name": "Machine virtuelle", "type": "service"}
)
moves = env["account.move"].create(
    [
        {
            "move_type": "out_invoice",
            "partner_id": customer.id,
            "invoice_date": "2026-11-03",
            "invoice_line_ids": [
                (0, 0, {"product_id": product.id, "quantity": 1, "price_unit": price})
            ],
        }
        for price in (100, 200, 300)
    ]
)
moves.action_post()
moves._fr_generate_facturx()
if set(moves.mapped("fr_facturx_state")) != {"valid"}:
    raise SystemExit(moves.mapped("fr_facturx_findings"))
env["account.payment.register"].with_context(
    active_model="account.move", active_ids=moves[0].ids
).create({"amount": 60})._create_payments()
