# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Errors of the einvoice package: a code and facts, no sentence for people."""


class EinvoiceError(Exception):
    """Something the package cannot do.

    :param str code: stable key, translated in the add-on's messages.py
    :param facts: values for the sentence
    """

    def __init__(self, code, **facts):
        super().__init__(code, facts)
        self.code = code
        self.facts = facts

    def __str__(self):
        details = ", ".join(f"{key}={value!r}" for key, value in self.facts.items())
        return f"{self.code} ({details})" if details else self.code


class DocumentError(EinvoiceError):
    """A value that no invoice may carry (negative price, float amount, ...)."""


class WriterError(EinvoiceError):
    """The XML library refused the document."""


class PdfError(EinvoiceError):
    """The PDF could not be made, or is not what was asked for."""


class ValidatorError(EinvoiceError):
    """The rules could not be run: missing program, rule file, answer or time.

    Never to be read as "no findings": whoever catches it must treat the document as
    not checked.
    """
