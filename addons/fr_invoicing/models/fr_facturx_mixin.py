# Part of Relevé. See LICENSE file for full copyright and licensing details.
import logging
from dataclasses import asdict

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import groupby

from .. import bridge, fixes
from ..einvoice import facturx, pdf, validate
from ..einvoice.errors import EinvoiceError, ValidatorError
from ..einvoice.findings import FATAL, has_fatal
from ..messages import MESSAGES, fatal, message

_logger = logging.getLogger(__name__)

BATCH = 40


class FrFacturxMixin(models.AbstractModel):
    """Makes, checks and attaches the Factur-X of posted invoices (account.move).

    A mixin so that account_move.py stays about the invoice itself.

    The order never changes: preflight, document, XML, official rules, PDF, attach. A
    document with a fatal finding is not attached; a document that could not be checked
    is not attached either and is marked differently.
    """

    _name = "fr.facturx.mixin"
    _description = "French Electronic Invoice"

    # === Actions === #

    def action_fr_facturx(self):
        """Make the Factur-X now and say how it went (button of the invoice form)."""
        moves = self.filtered(lambda move: move._fr_needs_facturx())
        if not moves:
            raise UserError(
                self.env._(
                    "A Factur-X is made of a posted customer invoice or credit note of "
                    "a French company that was not issued in another way."
                )
            )
        moves._fr_generate_facturx()
        errors = moves.filtered(lambda move: move.fr_facturx_state == "error")
        if errors:
            # not raised: the state and its reason must stay on the invoice
            return self._fr_notify(errors[:1]._fr_get_findings_text(), "danger")
        invalid = moves.filtered(lambda move: move.fr_facturx_state == "invalid")
        if invalid:
            return self._fr_notify(invalid[:1]._fr_get_findings_text(), "warning")
        return self._fr_notify(
            self.env._("The Factur-X passed every rule and is attached."), "success"
        )

    def action_fr_download_facturx_xml(self):
        """Download the XML of the Factur-X."""
        self.ensure_one()
        if not self.fr_facturx_xml_file:
            raise UserError(self.env._("The Factur-X of this invoice is not made yet."))
        return {
            "type": "ir.actions.act_url",
            "url": f"/web/content/account.move/{self.id}/fr_facturx_xml_file"
            f"?download=true&filename={self.fr_facturx_xml_filename}",
            "target": "download",
        }

    # === Making === #

    def _fr_generate_facturx(self):
        """Make and attach the Factur-X of these invoices, those that have none.

        Harmless when run again: a valid file is never made twice. Every file passed the
        XSD, the EN 16931 and BR-FR rules and our arithmetic check before it was
        attached; the outcome is in fr_facturx_state and fr_facturx_findings.

        :return: the invoices that have a valid Factur-X now
        """
        todo = self.filtered(
            lambda move: move._fr_needs_facturx() and move.fr_facturx_state != "valid"
        )
        # what is written on them from here changes no line: nothing to recompute
        todo = todo.with_context(skip_invoice_sync=True)
        for start in range(0, len(todo), BATCH):
            todo[start : start + BATCH]._fr_generate_facturx_batch()
        return self.filtered(lambda move: move.fr_facturx_state == "valid")

    def _fr_generate_facturx_batch(self):
        """Make one batch: the rules run in one call for all of its documents."""
        builders, findings, documents, xmls = {}, {}, {}, {}
        wordings = self._fr_get_wordings()
        for move in self.sudo():
            findings[move] = move._fr_preflight()
            if has_fatal(findings[move]):
                continue
            try:
                builder = bridge.DocumentBuilder(move, wordings[move])
                documents[move] = builder.build()
                builders[move] = builder
                findings[move] += builder.findings
                if not has_fatal(findings[move]):
                    xmls[move] = facturx.to_xml(documents[move])
            except EinvoiceError as error:
                findings[move].append(self._fr_finding_of(error))
        try:
            checked = validate.check({str(move.id): xml for move, xml in xmls.items()})
        except ValidatorError as error:
            for move in xmls:
                move._fr_set_outcome(
                    "error", [*findings[move], self._fr_finding_of(error)]
                )
            checked = {}
            _logger.error(
                "Factur-X of %s invoices not checked: %s", len(xmls), error.code
            )
        for move, found in findings.items():
            found += checked.get(str(move.id), [])
            if move in xmls and str(move.id) not in checked:
                continue
            if has_fatal(found) or move not in xmls:
                move._fr_set_outcome("invalid", found)
                continue
            try:
                content = move._fr_render_pdf(
                    documents[move], builders[move], xmls[move]
                )
            except EinvoiceError as error:
                move._fr_set_outcome("error", [*found, self._fr_finding_of(error)])
                continue
            move._fr_attach(content, xmls[move], found)

    def _fr_get_wordings(self):
        """Give the legal wordings of each invoice: one query per company and day."""
        texts = self.env["fr.legal.text"]
        result = {}
        groups = groupby(
            self,
            lambda move: (
                move.company_id._fr_get_legal(),
                move.invoice_date or move.date,
            ),
        )
        for (company, day), moves in groups:
            wordings = texts._get_wordings(company, day or fields.Date.today())
            result.update(dict.fromkeys(moves, wordings))
        return result

    def _fr_render_pdf(self, document, builder, xml):
        """Draw the page and put the checked XML inside.

        :raise PdfError: the PDF could not be made
        """
        html = self.env["fr.invoice.page"]._render(self, document, builder)
        return pdf.render(
            html,
            xml,
            facturx.FILENAME,
            facturx.XMP_LEVEL,
            fonts=self.env["fr.invoice.page"]._get_fonts(),
        )

    def _fr_get_printable_pdf(self):
        """Give the PDF to print: the issued one, or a page without XML before.

        Printing a draft or an invoice whose Factur-X is not made yet changes nothing.

        :rtype: bytes
        """
        self.ensure_one()
        if self.fr_facturx_state == "valid" and self.invoice_pdf_report_id:
            return self.invoice_pdf_report_id.sudo().raw
        move = self.sudo()
        try:
            builder = bridge.DocumentBuilder(move, move._fr_get_wordings()[move])
            document = builder.build()
            html = self.env["fr.invoice.page"]._render(
                move,
                document,
                builder,
                draft=not (move.state == "posted" and move._fr_bears_foreign_vat()),
            )
            return pdf.render_page(html, fonts=self.env["fr.invoice.page"]._get_fonts())
        except EinvoiceError as error:
            raise UserError(message(self.env, error.code, error.facts)) from error

    # === Outcome === #

    def _fr_attach(self, content, xml, findings):
        """Attach a checked file as the invoice's PDF, as Odoo's own sending does."""
        self.ensure_one()
        # the biller may post and send, and the file is not theirs to write otherwise
        attachments = self.env["ir.attachment"].sudo()
        attachment = attachments.create(
            [
                {
                    "name": self._get_invoice_report_filename(),
                    "raw": content,
                    "mimetype": "application/pdf",
                    "res_model": self._name,
                    "res_id": self.id,
                    "res_field": "invoice_pdf_report_file",
                },
                {
                    "name": self.fr_facturx_xml_filename,
                    "raw": xml,
                    "mimetype": "application/xml",
                    "res_model": self._name,
                    "res_id": self.id,
                    "res_field": "fr_facturx_xml_file",
                },
            ]
        )[:1]
        self.invalidate_recordset(
            ["invoice_pdf_report_id", "invoice_pdf_report_file", "fr_facturx_xml_file"]
        )
        self._fr_set_outcome(
            "valid", findings, message_main_attachment_id=attachment.id
        )
        self._fr_after_issue(content, xml)

    def _fr_after_issue(self, pdf_bytes, xml_bytes):
        """Do what follows the issue of a document; nothing here.

        Called once per document, in the transaction that attached it, as superuser.
        An override calls super, raises nothing it can handle itself, and sends nothing
        to the outside (it writes to an outbox instead).

        :param bytes pdf_bytes: the Factur-X as attached
        :param bytes xml_bytes: the XML inside it
        """
        self.ensure_one()

    def _fr_set_outcome(self, state, findings, **values):
        """Write state and findings; the only place that does.

        :param values: of other fields, in the same write
        """
        self.ensure_one()
        self.write(
            {
                "fr_facturx_state": state,
                "fr_facturx_findings": [
                    asdict(fixes.located(self.sudo(), finding)) for finding in findings
                ],
                "fr_facturx_made_at": fields.Datetime.now(),
                "fr_facturx_rules": f"factur-x {facturx.LIBRARY_VERSION}",
                **values,
            }
        )

    def _fr_finding_of(self, error):
        return fatal(self, error.code, **error.facts)

    def _fr_get_findings_text(self):
        """Give the fatal findings as lines of text.

        :rtype: str
        """
        self.ensure_one()
        return "\n".join(
            f"{finding['rule']}: {finding['message']}"
            for finding in self._fr_get_findings()
            if finding["severity"] == FATAL
        )

    def _fr_get_findings(self):
        """Give the stored findings, our own ones in the reader's language.

        :rtype: list[dict]
        """
        self.ensure_one()
        return [
            {**finding, "message": message(self.env, finding["code"], finding["facts"])}
            if finding.get("code") in MESSAGES
            else finding
            for finding in self.fr_facturx_findings or []
        ]

    def _fr_notify(self, text, kind):
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "title": "Factur-X",
                "message": text,
                "type": kind,
                "sticky": kind != "success",
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    # === Background === #

    def _fr_enqueue_facturx(self):
        """Leave the Factur-X of freshly posted invoices to the background.

        Jobs where a job runner is loaded, else the scheduled action; whoever comes
        first does the work, the other finds nothing left.
        """
        wanted = self.filtered(
            lambda move: (
                move.company_id.fr_facturx_auto
                and move.fr_facturx_state in ("none", "pending")
            )
        )
        if not wanted:
            return
        wanted.write({"fr_facturx_state": "pending"})
        if self.env["usage.billing.run"]._is_job_runner_loaded():
            for start in range(0, len(wanted), BATCH):
                part = wanted[start : start + BATCH]
                part.with_delay(
                    channel="root.billing",
                    description=self.env._("Factur-X of %(count)s", count=len(part)),
                    identity_key=f"fr_invoicing.facturx.{part[0].id}.{len(part)}",
                )._job_fr_generate_facturx()
        elif cron := self.env.ref(
            "fr_invoicing.ir_cron_make_facturx", raise_if_not_found=False
        ):
            cron.sudo()._trigger()  # a biller may not touch scheduled actions

    def _job_fr_generate_facturx(self):
        """Body of a job: the invoices still waiting, no commit (the engine commits)."""
        moves = self.exists().try_lock_for_update(allow_referencing=True)
        moves.filtered(
            lambda move: move.fr_facturx_state == "pending"
        )._fr_generate_facturx()

    @api.model
    def _cron_fr_generate_facturx(self):
        """Make the waiting Factur-X in slices, committed one by one."""
        domain = [("fr_facturx_state", "=", "pending"), ("state", "=", "posted")]
        cron = self.env["ir.cron"]
        cron._commit_progress(remaining=self.search_count(domain))
        while moves := self.search(domain, limit=BATCH, order="id"):
            moves = moves.try_lock_for_update(allow_referencing=True)
            if not moves:
                return
            moves._fr_generate_facturx()
            # one that could not be made must not come back for ever
            moves.filtered(lambda move: move.fr_facturx_state == "pending").write(
                {"fr_facturx_state": "none"}
            )
            if not cron._commit_progress(len(moves)):
                return
