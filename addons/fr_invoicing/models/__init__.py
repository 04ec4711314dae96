# Part of Relevé. See LICENSE file for full copyright and licensing details.
from . import fr_legal_text
from . import fr_tax_profile
from . import account_chart_template
from . import account_tax
from . import res_partner
from . import res_company
from . import res_config_settings
from . import ir_attachment
from . import ir_actions_report
from . import fr_facturx_mixin
from . import account_move
from . import account_move_vat
from . import account_move_send
from . import fr_collected
from . import account_move_page
from . import usage_sample
