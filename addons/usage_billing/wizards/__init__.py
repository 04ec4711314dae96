from . import usage_quarantine_ignore
