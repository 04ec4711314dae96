# Part of Relevé. See LICENSE file for full copyright and licensing details.
from . import test_access
from . import test_collected
from . import test_facturx
from . import test_identities
from . import test_legal_text
from . import test_seal
from . import test_send
from . import test_tour
from . import test_usage
from . import test_vat_situations
from . import test_ereporting
from . import test_ereporting_payment
from . import test_ereporting_purchase
from . import test_kinds
from . import test_fec
from . import test_numbering
from . import test_export
