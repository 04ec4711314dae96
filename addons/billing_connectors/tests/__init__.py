from . import test_access
from . import test_billing_delivery
from . import test_billing_import_tour
from . import test_billing_import_wizard
from . import test_billing_upload
from . import test_billing_mapping
from . import test_provision
from . import test_usage_sample
