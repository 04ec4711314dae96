# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Supporting documents carried inside the document (BG-24)."""

from ..einvoice.document import Attachment
from .lines import optional

# one of the codes of BR-FR-17
ANNEX = "DOCUMENT_ANNEXE"
# what one document may carry: beyond, the annex stays in the portal and the archive
SIZE_LIMIT = 5_000_000


def attachments(move):
    """Give the supporting documents of an invoice: the usage behind its lines.

    :return: attachments, and the names of those left out because they are too large
    :rtype: tuple[tuple[Attachment], list[str]]
    """
    if not move.company_id.fr_attach_usage or not optional(
        move, "usage_rated_line_ids"
    ):
        return (), []
    # results of a billing run, which the reader of the invoice may not read
    name, content = move.env["usage.explorer"].sudo()._prepare_invoice_file(move.sudo())
    if len(content) > SIZE_LIMIT:
        return (), [name]
    return (
        Attachment(
            name=name,
            mime="text/csv",
            content=content,
            reference=name.rsplit(".", 1)[0],
            description=ANNEX,
        ),
    ), []
