"""Chunks of requests that compiled code read, see :mod:`.compiled`."""

from .compiled import CompiledBlock, KeyTexts
from .eventcolumns import Parts
from .quick import Quick, expect_no_value


class ReadParts(Parts):
    """Several requests, one behind the other; each is a block.

    :param list parts: of ReadEvents
    """

    def __init__(self, parts):
        self.blocks, low = [], 0
        for part in parts:
            self.blocks.append((low, low + len(part), part))
            low += len(part)


class QuickRead(Quick):
    """A chunk of requests that is fit.

    :param ReadParts rows: to be followed by :meth:`find`; for the others, see
        :class:`.quick.Quick`
    """

    def _make(self, low, high, part, found):
        """
        :param ReadEvents part: the request
        :param found: what :meth:`_find` says of it
        :rtype: CompiledBlock
        :raise Unfit, ValueError: an event is out of the ordinary
        """
        ways, at = found
        expect_no_value(ways, at[part.events["scale"] < 0])
        block = CompiledBlock(low, part, ways, at, self.keys_of)
        self._sent.append((ways, at, part))
        return block

    def _known(self, ways, part, times):
        """See :meth:`.quick.Quick._known`.

        :param ReadEvents part: the request
        """
        if ways.key_texts is None:
            ways.key_texts = KeyTexts()
        places, _hashes = ways.key_texts.find(part)
        return ways.held_at(places, times)

    def _keys(self, part, rows):
        """See :meth:`.quick.Quick._keys`."""
        numbers = self.router.dimension_numbers
        return [
            (kind, subject, numbers.setdefault(items, len(numbers)))
            for kind, subject, items in part.keys(rows)
        ]

    def _note(self, ways, part, rows, keys):
        """See :meth:`.quick.Quick._note`."""
        _places, hashes = ways.key_texts.find(part)
        places = ways.places_of(*zip(*keys, strict=True)).tolist()
        ways.key_texts.add(part, rows, hashes, places)
