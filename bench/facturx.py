"""Factur-X of a batch of posted invoices, from the ledger to the attached PDF/A-3.

Product: ``_fr_generate_facturx`` as the background does it: document, XML, official
rules in the warm pool (both cores), page, PDF, attachments. Floor: on the same invoices
in the same run, each tool alone: QWeb draws the page, WeasyPrint makes a PDF/A-3a with
the XML inside, Saxon runs both Schematrons, everything loaded and compiled before.
Nothing else: no ledger read, no document, no XML written, no figure compared, nothing
stored. Processor milliseconds a document, in Python, PostgreSQL and the pool together.

Odoo's own path (``account.move.send`` with wkhtmltopdf) makes a file that is not
valid; its time is printed beside where wkhtmltopdf is installed.
"""

import contextlib
import os
import resource
import shutil
import time

from run import Result, backend_seconds, watch
from scene import siren, siret

from odoo import Command, fields

from odoo.addons.fr_invoicing import bridge
from odoo.addons.fr_invoicing.einvoice import facturx, pdf, validate, validate_worker

#: invoices in the batch
BATCH = 200  # at any size, as the bar says
WARM = 6


def set_up(env):
    """Make the company French and able to issue, and a few customers."""
    company = env.company
    company.write(
        {
            "name": "Nuage Exemple SAS",
            "street": "12 rue des Serveurs",
            "zip": "75010",
            "city": "Paris",
            "company_registry": siret(0),
            "email": "facturation@nuage.example.com",
        }
    )
    company.vat = _vat(siren(0))
    env["res.partner.bank"].create(
        {
            "acc_number": "FR7630006000011234567890189",
            "partner_id": company.partner_id.id,
            "allow_out_payment": True,
        }
    )
    return env["res.partner"].create(
        [
            {
                "name": f"Client {number} SARL",
                "is_company": True,
                "street": "1 rue de Là",
                "zip": "69001",
                "city": "Lyon",
                "country_id": env.ref("base.fr").id,
                "company_registry": siret(number),
                "vat": _vat(siren(number)),
                "email": f"compta{number}@example.com",
                "lang": "fr_FR",
            }
            for number in range(1, 11)
        ]
    )


def _vat(number):
    return f"FR{(12 + 3 * (int(number) % 97)) % 97:02d}{number}"


def post(env, partners, count):
    """Post invoices of two to nine lines."""
    product = env["product.product"].create(
        {"name": "Machine virtuelle", "type": "service", "list_price": 40}
    )
    moves = env["account.move"].create(
        [
            {
                "move_type": "out_invoice",
                "partner_id": partners[number % len(partners)].id,
                "invoice_date": fields.Date.today(),
                "invoice_line_ids": [
                    Command.create(
                        {
                            "product_id": product.id,
                            "name": f"Machine virtuelle {line}",
                            "quantity": line + number / 10,
                            "price_unit": 3.17 * line,
                        }
                    )
                    for line in range(1, 3 + number % 8)
                ],
            }
            for number in range(count)
        ]
    )
    moves.action_post()
    env.cr.commit()
    return moves


@contextlib.contextmanager
def watch_all(env):
    """Measure a block with the processes of the pool, which are warm before."""
    pids = [
        worker.process.pid
        for worker in validate.shared_checker().pool.workers
        if worker.is_alive()
    ]
    before = backend_seconds(pids)
    with watch(env.cr) as spent:
        yield spent
    alive = [pid for pid in pids if os.path.exists(f"/proc/{pid}/stat")]
    if alive != pids:
        raise RuntimeError("a process of the pool ended while it was measured")
    spent.pool = backend_seconds(pids) - before
    spent.cpu += spent.pool


def inputs(env, moves):
    """Give what the tools of the floor work on, made before they are measured."""
    wordings = moves._fr_get_wordings()
    result = []
    for move in moves.sudo():
        builder = bridge.DocumentBuilder(move, wordings[move])
        document = builder.build()
        result.append((move, builder, document, facturx.to_xml(document)))
    return result


def measure_qweb(env, work):
    """Draw the pages as HTML."""
    page = env["fr.invoice.page"]
    for move, builder, document, _xml in work[:WARM]:
        page._render(move, document, builder)
    with watch(env.cr) as spent:
        pages = [
            page._render(move, document, builder)
            for move, builder, document, _xml in work
        ]
    return spent, pages


def measure_weasyprint(env, work, pages):
    """Make PDF/A-3a of the pages, with the XML as attachment."""
    fonts = env["fr.invoice.page"]._get_fonts()

    def draw(html, xml):
        # laid out with fonts and stylesheet loaded once, the fastest way there is
        document = pdf._lay_out(html, fonts)
        document.metadata.attachments = [
            pdf.Attachment(string=xml, name="factur-x.xml", relationship="Alternative")
        ]
        return document.write_pdf(pdf_variant="pdf/a-3a", output_intent="srgb")

    for html, (*_rest, xml) in list(zip(pages, work, strict=True))[:WARM]:
        draw(html, xml)
    with watch(env.cr) as spent:
        for html, (*_rest, xml) in zip(pages, work, strict=True):
            draw(html, xml)
    return spent


def measure_saxon(env, work):
    """Run both Schematrons, compiled before."""
    from saxonche import PySaxonProcessor

    folder = validate_worker.find_rules()
    saxon = PySaxonProcessor(license=False)
    rules = validate_worker.CII_PROFILES[validate_worker.EN16931]
    programs = [
        saxon.new_xslt30_processor().compile_stylesheet(
            stylesheet_file=os.path.join(folder, name)
        )
        for _source, name in rules.schematrons
    ]

    def check(xml):
        node = saxon.parse_xml(xml_text=xml.decode())
        for program in programs:
            program.transform_to_string(xdm_node=node)

    for *_rest, xml in work[:WARM]:
        check(xml)
    with watch(env.cr) as spent:
        for *_rest, xml in work:
            check(xml)
    return spent


def measure_odoo(env, moves):
    """Send with Odoo's own PDF and XML, or say why not."""
    if not shutil.which("wkhtmltopdf"):
        return "wkhtmltopdf absent"
    move_send = env["account.move.send"]
    env.company.fr_facturx_auto = False
    env.company.account_fiscal_country_id = env.ref("base.be")  # leaves ours out
    started = time.process_time() + _children_seconds()
    for move in moves:  # unpatched Qt draws one document at a time, or refuses
        move_send._generate_and_send_invoices(move, sending_methods={"manual"})
    spent = time.process_time() + _children_seconds() - started
    return spent / len(moves) * 1000


def _children_seconds():
    """Give the processor time of processes that ended, wkhtmltopdf among them."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure(env, _size):
    count = BATCH
    partners = set_up(env)
    moves = post(env, partners, count)
    warm = post(env, partners, 4 * WARM)
    warm._fr_generate_facturx()
    env.cr.commit()
    work = inputs(env, moves)
    with watch_all(env) as product:
        made = moves._fr_generate_facturx()
    env.cr.commit()
    if made != moves:
        bad = (moves - made)[:1]
        raise RuntimeError(
            f"{bad.name} is {bad.fr_facturx_state}: {bad.fr_facturx_findings}"
        )
    qweb, pages = measure_qweb(env, work)
    weasyprint = measure_weasyprint(env, work, pages)
    saxon = measure_saxon(env, work)
    floor = qweb.cpu + weasyprint.cpu + saxon.cpu
    other = measure_odoo(env, post(env, partners, 8))
    each = 1000 / count
    product_ms = product.cpu * each
    return Result(
        figure=product_ms,
        unit="processor ms per validated Factur-X",
        floor=floor * each,
        ratio=product.wall / (qweb.wall + weasyprint.wall + saxon.wall),
        cpu_ratio=product.cpu / floor,
        goal=1.15,
        minimum=1.25,
        higher_is_better=False,
        extra={
            "documents": count,
            "wall_ms": product.wall * each,
            "pool_ms": product.pool * each,
            "floor_qweb_ms": qweb.cpu * each,
            "floor_weasyprint_ms": weasyprint.cpu * each,
            "floor_saxon_ms": saxon.cpu * each,
            "odoo_send_ms": other,
            "ratio_to_odoo_send": (
                other if isinstance(other, str) else product_ms / other
            ),
        },
    )
