"""Reads a neutral case strictly: what nobody asked for is an error at the end."""

from harness import BadCase


class Read(dict):
    """A JSON object that remembers what was read of it."""

    def __init__(self, data, where):
        super().__init__(
            (name, _reading(v, f"{where}.{name}")) for name, v in data.items()
        )
        self.where = where
        self.read = set()

    def __getitem__(self, name):
        self.read.add(name)
        return super().__getitem__(name)

    def get(self, name, default=None):
        self.read.add(name)
        return super().get(name, default)

    def items(self):
        self.read.update(self)
        return super().items()

    def values(self):
        self.read.update(self)
        return super().values()

    def done(self):
        """Refuse what nobody read, here and below."""
        left = set(self) - self.read
        if left:
            raise BadCase(f"{self.where}: unknown field {', '.join(sorted(left))}")
        for value in super().values():
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, Read):
                    child.done()


def _reading(value, where):
    if isinstance(value, dict):
        return Read(value, where)
    if isinstance(value, list):
        return [_reading(child, f"{where}[{i}]") for i, child in enumerate(value)]
    return value
