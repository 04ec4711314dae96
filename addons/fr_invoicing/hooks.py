# Part of Relevé. See LICENSE file for full copyright and licensing details.


def post_init_hook(env):
    """Give the taxes of French companies that exist already their regime, and begin
    their seal: what is posted from now on is sealed."""
    companies = env["res.company"].search([])
    env["account.tax"]._fr_assign_profiles(companies)
    for company in companies:
        env["fr.seal.chain"]._get(company)


def uninstall_hook(env):
    """Take our triggers off the tables of others: the ledger stays as it is."""
    env["fr.seal.guard"]._remove()
