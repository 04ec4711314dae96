from . import (
    test_access,
    test_agreement,
    test_invoice_shares,
    test_messages,
    test_portal,
    test_statement,
)
