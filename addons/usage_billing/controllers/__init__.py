from . import portal
from . import api
from . import api_schemas
from . import api_events
from . import api_reasons
from . import api_schemas_read
from . import api_read
from . import api_docs
