# Part of Relevé. See LICENSE file for full copyright and licensing details.
from . import template_preview
from . import inspection
from . import portal_reminders
from . import platform_call
