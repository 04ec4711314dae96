# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""What can go wrong with a platform, told apart by what to do next."""

UNREACHABLE = "unreachable"  # nothing was handed over: the whole platform waits
UNKNOWN = "unknown"  # the document may have arrived: ask before sending again
LATER = "later"  # the platform asks for patience
DENIED = "denied"  # credentials or rights: a person must act
REFUSED = "refused"  # this document, as it is, never


class TransmissionError(Exception):
    """An exchange that did not succeed.

    :param str kind: one of the constants above
    :param str code: stable key of the sentence in the add-on's messages
    :param int retry_after_s: what the platform asked for, 0 when it said nothing
    :param facts: named values of the sentence
    """

    def __init__(self, kind, code, retry_after_s=0, **facts):
        super().__init__(kind, code, facts)
        self.kind = kind
        self.code = code
        self.retry_after_s = retry_after_s
        self.facts = facts

    def __str__(self):
        details = ", ".join(f"{key}={value!r}" for key, value in self.facts.items())
        return f"{self.code} ({details})" if details else self.code


class MessageError(Exception):
    """A life-cycle message that cannot be read or written: a code and facts."""

    def __init__(self, code, **facts):
        super().__init__(code, facts)
        self.code = code
        self.facts = facts
