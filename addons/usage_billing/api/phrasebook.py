"""Which sentence a text was made from.

What is wrong with a row is kept in English, where it can be searched; to say it in
another language, the sentence and its facts are found again.
"""

import re

from .words import Sentence

#: Facts that are sentences themselves; they stand last, behind a colon.
NESTED = ("sentence", "said", "what")
#: Longer texts are no sentences of ours.
LONGEST = 1_000
_FACT = re.compile(r"%\((\w+)\)s")
_around = re.compile(r": %\((\w+)\)s$").search
_inside = re.compile(": ").finditer


class Phrasebook:
    """Recognises texts that were made from known sentences.

    >>> book = Phrasebook(["is missing", "%(field)s: %(sentence)s"])
    >>> found = book.find("time: is missing")
    >>> found.source, found.facts["field"], found.facts["sentence"].source
    ('%(field)s: %(sentence)s', 'time', 'is missing')
    >>> book.find("somebody else's words") is None
    True

    :param sources: English sentences with named facts
    """

    def __init__(self, sources):
        self._whole, self._frames = [], []
        # the more a sentence says itself, the less it is mistaken for another
        for source in sorted(set(sources), key=_weight, reverse=True):
            last = _around(source)
            if last and last[1] in NESTED:
                head = source[: last.start()]
                self._frames.append((_pattern(head + ": "), source, last[1]))
            else:
                self._whole.append((_pattern(source), source))

    def find(self, text):
        """The sentence that says this text.

        :rtype: Sentence | None
        """
        if not text or len(text) > LONGEST:
            return None
        found = {}
        starts = [0, *(colon.end() for colon in _inside(text))]
        for start in reversed(starts):
            sentence = self._find_from(text, start, found)
            if sentence is not None:
                found[start] = sentence
        return found.get(0)

    def _find_from(self, text, start, found):
        """The sentence from a place on.

        :param dict found: later place -> the sentence from there on, last place first
        """
        for place in reversed(found):  # the shortest beginning first
            for pattern, source, name in self._frames:
                if match := pattern.fullmatch(text, start, place):
                    inner = found[place]
                    return Sentence(source, **match.groupdict(), **{name: inner})
        for pattern, source in self._whole:
            if match := pattern.fullmatch(text, start):
                return Sentence(source, **match.groupdict())
        return None


def _weight(source):
    """Characters that a sentence has besides its facts."""
    return len(_FACT.sub("", source))


def _pattern(source):
    """Pattern of a sentence, its facts as groups."""
    parts = _FACT.split(source)
    parts[::2] = map(re.escape, parts[::2])
    parts[1::2] = (f"(?P<{name}>.*?)" for name in parts[1::2])
    return re.compile("".join(parts), re.DOTALL)
