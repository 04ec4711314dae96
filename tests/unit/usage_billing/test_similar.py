"""Foreign names and the known ones they are proposed for."""

from hypothesis import given
from hypothesis import strategies as st

from metering.similar import Names, plain, trigrams

KNOWN = Names(
    [
        ("studio-prod", "studio production"),
        ("Studio Imaginaire – production", "studio production"),
        ("studio-recette", "studio test"),
        ("jardins-site", "garden"),
        ("Les Jardins Inventés – site", "garden"),
        ("", "nothing"),
    ]
)


def test_spelling_variants_find_the_known_name():
    for foreign in ("jardins_site", "JARDINS-SITE-2", "les jardins inventes site"):
        assert KNOWN.closest(foreign).target == "garden", foreign
    assert KNOWN.closest("Jardins.Site").score == 1
    assert KNOWN.closest("studio-prod-eu").name == "studio-prod"


def test_a_stranger_and_a_blank_find_nothing():
    for foreign in ("projet-orphelin", "zz", "", "---", "\x00"):
        assert KNOWN.closest(foreign) is None, foreign


def test_two_targets_as_close_are_not_guessed():
    names = Names([("acme-x", 1), ("acme-y", 2)])
    assert names.closest("acme-z") is None
    assert names.closest("acme-x").target == 1


@given(st.text(max_size=300), st.lists(st.text(max_size=40), max_size=5))
def test_any_text_is_compared_and_a_name_finds_itself(foreign, others):
    names = Names([(foreign, "itself"), *((name, "other") for name in others)])
    found = names.closest(foreign)
    if not trigrams(plain(foreign)):
        assert found is None
    elif all(trigrams(plain(o)) != trigrams(plain(foreign)) for o in others):
        assert found.target == "itself"
        assert found.score == 1
