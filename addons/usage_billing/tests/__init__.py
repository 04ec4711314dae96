from . import test_exact_field
from . import test_billing_run
from . import test_usage_access
from . import test_portal
from . import test_usage_sample
from . import test_usage_store
from . import test_usage_quarantine
from . import test_usage_store_two_connections
