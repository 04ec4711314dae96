# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Type codes and billing frames: the table of the norm, and what it forbids."""

from itertools import product

import pytest

from einvoice import kinds, tva
from einvoice.document import CREDIT_TYPE_CODES, SELF_BILLED_TYPE_CODES

# BR-FR-04 and BR-FR-08 as XP Z12-012 lists them
TYPE_CODES = {
    "380", "393", "389", "501", "386", "500", "384", "471", "472", "473",
    "381", "261", "262", "396", "502", "503",
}  # fmt: skip
FRAMES = {
    "B1", "S1", "M1", "B2", "S2", "M2", "S3", "B4", "S4", "M4", "S5", "S6",
    "B7", "S7", "B8", "S8", "M8", "B9", "S9", "M9",
}  # fmt: skip
NATURES = (tva.GOODS, tva.SERVICES, tva.MIXED)
CHOICES = ("", *"1234567")


@pytest.mark.parametrize("kind", kinds.KINDS)
def test_every_combination_has_a_code_of_the_list_that_says_what_it_is(kind):
    for is_credit, is_self_billed, is_factored in product((False, True), repeat=3):
        code = kinds.type_code(kind, is_credit, is_self_billed, is_factored)
        assert code in TYPE_CODES
        assert (code in CREDIT_TYPE_CODES) == is_credit
        if is_self_billed:
            assert code in SELF_BILLED_TYPE_CODES
        if not is_self_billed:
            assert code not in SELF_BILLED_TYPE_CODES


def test_all_codes_of_the_list_can_be_reached():
    reached = {
        kinds.type_code(kind, *flags)
        for kind in kinds.KINDS
        for flags in product((False, True), repeat=3)
    }
    assert reached == TYPE_CODES


def test_every_frame_is_of_the_list():
    for nature, kind, is_credit, is_paid, chosen in product(
        NATURES, kinds.KINDS, (False, True), (False, True), CHOICES
    ):
        frame = kinds.frame(nature, kind, is_credit, is_paid, chosen)
        assert frame in FRAMES
        if kind == kinds.DEPOSIT:
            assert frame[1] != kinds.AFTER_DEPOSIT  # BR-FR-CO-08


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((tva.SERVICES,), "S1"),
        ((tva.GOODS, kinds.STANDARD, False, True), "B2"),
        ((tva.GOODS, kinds.STANDARD, True, True), "B1"),
        ((tva.MIXED, kinds.FINAL, False, True), "M4"),
        ((tva.GOODS, kinds.STANDARD, False, False, "3"), "S3"),
        ((tva.MIXED, kinds.STANDARD, False, False, "7"), "S7"),
    ],
)
def test_frames_worked_out_by_hand(arguments, expected):
    assert kinds.frame(*arguments) == expected
