from . import test_exact_field
