"""Errors of the store: a code and the facts, no sentence."""


class StoreError(Exception):
    """An order to the store that cannot be carried out.

    code: "identity_mode", "aggregation", ...; facts: values for the message
    """

    def __init__(self, code, **facts):
        self.code = code
        self.facts = facts
        super().__init__(f"{code}: {facts}")
