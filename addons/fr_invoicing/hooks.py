# Part of Relevé. See LICENSE file for full copyright and licensing details.


def post_init_hook(env):
    """Complete the charts of French companies that exist already (regimes of taxes,
    territories), and begin their seal: what is posted from now on is sealed."""
    companies = env["res.company"].search([])
    env["account.tax"]._fr_assign_profiles(companies)
    companies._fr_ensure_territories()
    for company in companies:
        env["fr.seal.chain"]._get(company)
    # e-reporting takes up what is posted since the first day of the obligation
    env["fr.ereporting.collector"]._enqueue_existing(
        companies.filtered(lambda company: company._fr_has_ereporting())
    )


def uninstall_hook(env):
    """Take our triggers off the tables of others: the ledger stays as it is.

    The fiscal positions of the territories lose what they are detected by; they would
    be for everybody, so they are not detected any more.
    """
    env["fr.seal.guard"]._remove()
    env["account.fiscal.position"].with_context(active_test=False).search(
        [("fr_area", "!=", False)]
    ).write({"auto_apply": False})
    env.cr.execute("DROP FUNCTION IF EXISTS fr_einvoice_flow_guard CASCADE")
