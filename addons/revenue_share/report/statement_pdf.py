"""The statement as a PDF: a QWeb page made for print, rendered by WeasyPrint."""

import logging

TEMPLATE = "revenue_share.statement_document"

# They tell every step and every font; only what goes wrong is of interest.
CHATTY = ("weasyprint", "weasyprint.progress", "fontTools")


def render(statement):
    """Return the PDF of one statement, in the language of its environment.

    :rtype: bytes
    """
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.ERROR)
    # Loaded with the first statement, not with the server: it takes a second.
    from weasyprint import HTML

    html = statement.env["ir.qweb"]._render(
        TEMPLATE,
        {
            "statement": statement._get_document_values(),
            "lang": (statement.env.lang or "en_US").split("_")[0],
        },
    )
    return HTML(string=str(html), url_fetcher=_refuse).write_pdf()


def _refuse(url, *_args, **_kwargs):
    """Load nothing: the page carries all it needs."""
    raise ValueError(f"a statement loads no resource: {url[:80]}")
