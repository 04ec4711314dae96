# Part of Relevé. See LICENSE file for full copyright and licensing details.
from . import account_move_reversal
from . import fr_fix_dialog
from . import fr_download
from . import fr_fec_export_wizard
from . import fr_archive_export
from . import fr_status_answer
from . import fr_setup
from . import fr_setup_actions
from . import fr_setup_todo
