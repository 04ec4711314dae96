# Part of Relevé. See LICENSE file for full copyright and licensing details.


def post_init_hook(env):
    """Give the taxes of French companies that exist already their regime."""
    env["account.tax"]._fr_assign_profiles(env["res.company"].search([]))
