# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Records that hold from a day to a day: valid_from and valid_to, both included."""


def in_force(day):
    """Give the domain of the records that hold on a day; an empty end is open.

    :param date day: of the document
    """
    return [
        "|",
        ("valid_from", "=", False),
        ("valid_from", "<=", day),
        "|",
        ("valid_to", "=", False),
        ("valid_to", ">=", day),
    ]
