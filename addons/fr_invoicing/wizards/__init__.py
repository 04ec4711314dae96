# Part of Relevé. See LICENSE file for full copyright and licensing details.
from . import fr_fix_dialog
