from . import portal
from . import api
from . import api_schemas
from . import api_events
