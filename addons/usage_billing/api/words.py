"""Sentences that can be said in the language of the caller.

This package knows no framework, so a sentence is an English text that remembers what it
was made from; whoever answers gives the function that translates.
"""


class Sentence(str):
    """An English sentence with named facts; imported as ``_lt``, which is exported.

    >>> text = Sentence("At most %(most)s events.", most=5)
    >>> text
    'At most 5 events.'
    >>> say(text, lambda source, facts: "Au plus %(most)s événements." % facts)
    'Au plus 5 événements.'
    """

    __slots__ = ("facts", "source")

    def __new__(cls, source, **facts):
        self = super().__new__(cls, source % facts if facts else source)
        self.source, self.facts = source, facts
        return self


def say(text, translate):
    """A text in the language of the caller; a plain text stays as it is.

    :param translate: function (English source, dict of facts) -> text
    """
    if not isinstance(text, Sentence):
        return str(text)
    facts = {
        name: say(fact, translate) if isinstance(fact, Sentence) else fact
        for name, fact in text.facts.items()
    }
    return translate(text.source, facts)
