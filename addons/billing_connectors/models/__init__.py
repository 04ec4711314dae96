from . import billing_mapping
from . import billing_mapping_provision
from . import billing_delivery
from . import billing_delivery_scope
from . import usage_batch
from . import usage_sample
from . import usage_source
from . import ir_attachment
