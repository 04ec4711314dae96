from . import test_exact_field
from . import test_billing_run
from . import test_usage_access
from . import test_portal
from . import test_usage_sample
