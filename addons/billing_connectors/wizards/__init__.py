from . import billing_import_wizard
