# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""What a report cannot be made of: a code and the facts, no sentence."""


class EreportingError(ValueError):
    """A value no report may carry.

    :param str code: key of the sentence in the add-on's messages
    :param facts: values of the sentence
    """

    def __init__(self, code, **facts):
        super().__init__(code, facts)
        self.code = code
        self.facts = facts
