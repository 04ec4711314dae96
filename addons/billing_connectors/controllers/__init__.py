from . import lago
from . import openmeter
from . import stripe
