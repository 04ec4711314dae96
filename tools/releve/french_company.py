"""Make the main company French and load both languages; run inside a database that has
only ``base``.

It must happen before ``account`` is installed: the chart of accounts follows the
company's country.
"""

env = globals()["env"]
company = env.ref("base.main_company")
company.write(
    {
        "name": "Relevé",
        "country_id": env.ref("base.fr").id,
        "currency_id": env.ref("base.EUR").id,
    }
)
for code in ("fr_FR", "en_US"):
    env["res.lang"]._activate_lang(code)
env["ir.module.module"].search([("state", "=", "installed")])._update_translations(
    ["fr_FR"]
)
env.ref("base.user_admin").tz = "Europe/Paris"
