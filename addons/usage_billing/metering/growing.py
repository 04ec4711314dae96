"""Arrays that grow at their ends while others read them."""

import numpy as np


def grown(array, new):
    """An array with more behind it; what it holds is copied seldom.

    The room behind the array is used, so only the last one that came of it may grow.

    :param array: from this function, or an empty one
    :param new: array or list of what follows
    """
    count, end = len(array), len(array) + len(new)
    room = array if array.base is None else array.base
    if end > len(room):
        room = np.zeros(2 * end, array.dtype)
        room[:count] = array
    room[count:end] = new
    return room[:end]
