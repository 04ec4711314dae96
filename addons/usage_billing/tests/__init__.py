from . import test_exact_field
from . import test_billing_run
from . import test_usage_access
