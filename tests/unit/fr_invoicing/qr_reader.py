"""Reads a QR code back from its modules, written from ISO/IEC 18004 alone.

Independent of the library that draws: no error correction, since what is read here was
never printed. Good for byte mode, versions 1 to 13, level M.
"""

import re

# ISO/IEC 18004 table 9, level M: (blocks, data codewords) groups by version
BLOCKS = {
    1: [(1, 16)],
    2: [(1, 28)],
    3: [(1, 44)],
    4: [(2, 32)],
    5: [(2, 43)],
    6: [(4, 27)],
    7: [(4, 31)],
    8: [(2, 38), (2, 39)],
    9: [(3, 36), (2, 37)],
    10: [(4, 43), (1, 44)],
    11: [(1, 50), (4, 51)],
    12: [(6, 36), (2, 37)],
    13: [(8, 37), (1, 38)],
}
# table E.1: centres of the alignment patterns
ALIGNMENT = {
    1: [],
    2: [6, 18],
    3: [6, 22],
    4: [6, 26],
    5: [6, 30],
    6: [6, 34],
    7: [6, 22, 38],
    8: [6, 24, 42],
    9: [6, 26, 46],
    10: [6, 28, 50],
    11: [6, 30, 54],
    12: [6, 32, 58],
    13: [6, 34, 62],
}
# table 10: data mask patterns
MASKS = {
    0: lambda i, j: (i + j) % 2 == 0,
    1: lambda i, j: i % 2 == 0,
    2: lambda i, j: j % 3 == 0,
    3: lambda i, j: (i + j) % 3 == 0,
    4: lambda i, j: (i // 2 + j // 3) % 2 == 0,
    5: lambda i, j: (i * j) % 2 + (i * j) % 3 == 0,
    6: lambda i, j: ((i * j) % 2 + (i * j) % 3) % 2 == 0,
    7: lambda i, j: ((i + j) % 2 + (i * j) % 3) % 2 == 0,
}


def modules_of(svg, quiet=4):
    """Give the dark modules of our SVG as a square of booleans."""
    size = int(re.search(r'viewBox="0 0 (\d+) ', svg)[1]) - 2 * quiet
    grid = [[False] * size for _ in range(size)]
    for x, y, width in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\d+z", svg):
        for column in range(int(x), int(x) + int(width)):
            grid[int(y) - quiet][column - quiet] = True
    return grid


def read(grid):
    """Give the text of a code."""
    size = len(grid)
    version = (size - 17) // 4
    assert size == 17 + 4 * version
    mask = MASKS[_mask_number(grid)]
    free = _data_places(size, version)
    bits = [
        grid[row][column] != mask(row, column) for row, column in _zigzag(size, free)
    ]
    codewords = [
        int("".join("01"[bit] for bit in bits[start : start + 8]), 2)
        for start in range(0, len(bits) - 7, 8)
    ]
    data = _deinterleave(codewords, BLOCKS[version])
    stream = "".join(f"{word:08b}" for word in data)
    assert stream[:4] == "0100", "not byte mode"
    counter = 8 if version < 10 else 16
    length = int(stream[4 : 4 + counter], 2)
    body = stream[4 + counter : 4 + counter + 8 * length]
    content = bytes(int(body[at : at + 8], 2) for at in range(0, len(body), 8))
    return content.decode("utf-8")


def _mask_number(grid):
    """Read the format information beside the upper left finder pattern."""
    places = [(8, x) for x in (0, 1, 2, 3, 4, 5, 7, 8)]
    places += [(y, 8) for y in (7, 5, 4, 3, 2, 1, 0)]
    value = int("".join("01"[grid[row][column]] for row, column in places), 2)
    value ^= 0b101010000010010
    assert value >> 13 == 0b00, "not level M"
    return value >> 10 & 0b111


def _data_places(size, version):
    free = [[True] * size for _ in range(size)]

    def take(rows, columns):
        for row in rows:
            for column in columns:
                free[row][column] = False

    take(range(9), range(9))
    take(range(9), range(size - 8, size))
    take(range(size - 8, size), range(9))
    take([6], range(size))
    take(range(size), [6])
    centres = ALIGNMENT[version]
    for row in centres:
        for column in centres:
            if (row, column) not in ((6, 6), (6, size - 7), (size - 7, 6)):
                take(range(row - 2, row + 3), range(column - 2, column + 3))
    if version >= 7:
        take(range(6), range(size - 11, size - 8))
        take(range(size - 11, size - 8), range(6))
    return free


def _zigzag(size, free):
    column, upwards = size - 1, True
    while column > 0:
        if column == 6:
            column -= 1
        for row in range(size - 1, -1, -1) if upwards else range(size):
            for x in (column, column - 1):
                if free[row][x]:
                    yield row, x
        upwards = not upwards
        column -= 2


def _deinterleave(codewords, groups):
    lengths = [length for count, length in groups for _ in range(count)]
    blocks = [[] for _ in lengths]
    stream = iter(codewords)
    for place in range(max(lengths)):
        for block, length in zip(blocks, lengths, strict=True):
            if place < length:
                block.append(next(stream))
    return [word for block in blocks for word in block]
