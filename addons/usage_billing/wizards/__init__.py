from . import usage_quarantine_ignore
from . import usage_quarantine_fix
