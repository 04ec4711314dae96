# Part of Relevé. See LICENSE file for full copyright and licensing details.
from . import controllers
from . import models
from . import report
from . import wizards
from .hooks import post_init_hook, uninstall_hook
