"""Units beside a number: "1 call", "8 calls", « 0 appel », « 2 heures de vCPU ».

A unit is written once, in the singular, by whoever makes a meter. Symbols (GB, kWh,
Go/mois) have no plural; words get the regular one of the reader's language. A unit that
is written in the plural already, or in another language, stays as it is.
"""

import re

#: Shorter words are taken for symbols ("min", "ms"), these ones are none.
_SHORT = {
    "en": set("app bed bit bot box bus car day job key lot row run tag".split()),
    "fr": set("an clé job lit lot mot vu vue".split()),
}
_SHORTEST = 4
#: French words that are nearly always adjectives or participles: they agree with their
#: noun ("utilisateurs actifs"); a noun beside a noun does not ("pages web").
_AGREES = re.compile(r"(é|ée|if|ive|el|elle|al|ale|ant|ante|able|ible|ique|eux|euse)$")
#: French words before a hyphen that leave the plural to the word behind it.
_PREFIXES = {"e", "co", "mini", "micro", "sous", "télé"}
_INVARIABLE = {"hertz", "lux", "mille", "siemens"}


def in_number(label, quantity, lang):
    """A unit as it stands behind a quantity.

    French counts in the plural from two, English whatever is not one.

    :param str label: unit in the singular, may be empty or None
    :param quantity: number, or None where there is none
    :param str lang: such as "fr_FR"

    >>> in_number("heure de vCPU", 12, "fr_FR")
    'heures de vCPU'
    >>> in_number("call", 0, "en_US"), in_number("appel", 0, "fr_FR")
    ('calls', 'appel')
    """
    if not label or quantity is None:
        return label or ""
    code = (lang or "en")[:2]
    size = abs(quantity)
    is_plural = {"en": size != 1, "fr": size >= 2}.get(code, False)
    return _plural(label, code) if is_plural else label


def _plural(label, code):
    """Plural of the word that the others of a unit depend on."""
    words = label.split(" ")
    head = len(words) - 1 if code == "en" else 0
    for number, word in enumerate(words):
        if code == "en" and number and word in ("of", "per"):
            head = number - 1
            break
    parts = words[head].split("-")
    last = parts[-1]
    if not _is_word(last, code) or (code == "fr" and _is_compound(parts)):
        return label
    parts[-1] = _french(last) if code == "fr" else _english(last)
    words[head] = "-".join(parts)
    if code == "fr":
        words[1:] = _agreeing(words[1:])
    return " ".join(words)


def _is_compound(parts):
    """Whether a French word of several words would take more than one plural."""
    return any(part.islower() and part not in _PREFIXES for part in parts[:-1])


def _agreeing(words):
    """Words behind a French noun in the plural, its adjectives first."""
    found = list(words)
    for number, word in enumerate(words):
        if not (
            _is_word(word, "fr") and (_AGREES.search(word) or word in _SHORT["fr"])
        ):
            break
        found[number] = _french(word)
    return found


def _is_word(text, code):
    return (
        text.isalpha()
        and text.islower()
        and text not in _INVARIABLE
        and (len(text) >= _SHORTEST or text in _SHORT[code])
    )


def _french(word):
    if word[-1] in "sxz":
        return word
    if word.endswith(("au", "eu")):
        return word + "x"
    return word[:-1] + "ux" if word.endswith("al") else word + "s"


def _english(word):
    if re.search(r"(ss|sh|ch|x|z)$", word) or word == "bus":
        return word + "es"
    if word.endswith("s"):
        return word
    return word[:-1] + "ies" if re.search(r"[^aeiou]y$", word) else word + "s"
