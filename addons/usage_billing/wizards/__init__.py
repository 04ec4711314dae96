from . import usage_quarantine_ignore
from . import usage_quarantine_fix
from . import usage_quote_wizard
from . import usage_price_export
from . import usage_event_find
from . import usage_subject_move
