"""Which known name a foreign name most likely means. Pure; standard library only.

Names are compared by their groups of three letters, without accents, case and
punctuation: "Jardins Inventés - site" and "jardins_site" are close, "prod" and "test"
are not. Candidates are indexed once, so that thousands of foreign names can be compared
with thousands of known ones.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from typing import NamedTuple

#: Below this score two names have too little in common to be proposed.
ENOUGH = 0.5
_LONGEST = 200
_NOT_A_LETTER = re.compile(r"[\W_]+")


class Match(NamedTuple):
    """target: what the known name stands for; name: as it is written
    score: 0 to 1, 1 when both are the same but for accents, case and punctuation
    """

    target: object
    name: str
    score: float


def plain(name):
    """A name without accents, case and punctuation.

    >>> plain("Les Jardins-Inventés_01")
    'les jardins inventes 01'
    """
    letters = unicodedata.normalize("NFKD", name[:_LONGEST])
    text = "".join(c for c in letters if not unicodedata.combining(c)).casefold()
    return _NOT_A_LETTER.sub(" ", text).strip()


def trigrams(text):
    """Groups of three letters of each word, with its beginning and its end.

    >>> sorted(trigrams("ab"))
    [' ab', '  a', 'ab ']
    """
    found = set()
    for word in text.split():
        padded = f"  {word} "
        found.update(padded[i : i + 3] for i in range(len(padded) - 2))
    return found


class Names:
    """Known names and what they stand for.

    :param pairs: iterable of (name, target); a target may have several names
    """

    def __init__(self, pairs):
        self._entries = []
        self._by_trigram = defaultdict(list)
        for name, target in pairs:
            groups = trigrams(plain(name or ""))
            if not groups:
                continue
            number = len(self._entries)
            self._entries.append((name, target, len(groups)))
            for group in groups:
                self._by_trigram[group].append(number)

    def closest(self, name, enough=ENOUGH):
        """The known name that has most in common with a foreign one.

        :return: Match, or None when none has enough or two targets are as close
        """
        groups = trigrams(plain(name))
        shared = Counter()
        for group in groups:
            shared.update(self._by_trigram.get(group, ()))
        best = {}
        for number, common in shared.items():
            known, target, size = self._entries[number]
            score = 2 * common / (len(groups) + size)
            if score >= enough and score > best.get(target, (0,))[0]:
                best[target] = (score, known)
        ranked = sorted(best.items(), key=lambda item: -item[1][0])[:2]
        if not ranked or (len(ranked) > 1 and ranked[0][1][0] == ranked[1][1][0]):
            return None
        target, (score, known) = ranked[0]
        return Match(target, known, score)
