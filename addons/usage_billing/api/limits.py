"""How much a request may hold, of events and of each of them."""

MAX_EVENTS = 10_000
MAX_NAME = 512
MAX_DIMENSIONS = 32
MAX_DIMENSION = 512
MAX_PROPERTIES = 200
MAX_PROPERTY = 8_192
MAX_DIGITS = 100
