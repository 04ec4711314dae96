# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import SUPERUSER_ID, api


def migrate(cr, version):
    """Seal the beginning of chains that began before it was a fact of the chain."""
    if not version:
        return
    env = api.Environment(cr, SUPERUSER_ID, {})
    # all of them: pylint: disable-next=no-search-all
    for chain in env["fr.seal.chain"].search([]):
        chain._seal_beginning()
