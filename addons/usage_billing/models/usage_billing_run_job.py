import logging

from odoo import api, models
from odoo.tools import config

from .usage_billing_run_compute import COMPUTE_BATCH
from .usage_billing_run_post import POST_BATCH

_logger = logging.getLogger(__name__)

#: by slice method: state it works in, size of a slice
SLICES = {
    "_compute_slice": ("computing", COMPUTE_BATCH),
    "_post_slice": ("posting", POST_BATCH),
}


class UsageBillingRun(models.Model):
    """Who runs the slices: a job, the scheduled action, or a caller that waits."""

    _inherit = "usage.billing.run"

    @api.model
    def _is_job_runner_loaded(self):
        """Whether this server loads the job runner."""
        return "queue_job" in (config.get("server_wide_modules") or [])

    def _enqueue(self, slice_method):
        """One job for each slice of the run; a job that finds nothing ends at once.

        A job does its slice and is committed by the job engine, so a killed worker
        loses one slice and the engine runs it again.
        """
        self.ensure_one()
        _state, size = SLICES[slice_method]
        for number in range(-(-self.total_count // size)):
            self.with_delay(
                channel="root.billing",
                description=self.env._(
                    "Billing run %(run)s, part %(number)s",
                    run=self.name,
                    number=number + 1,
                ),
                identity_key=f"usage_billing.run.{self.id}.{slice_method}.{number}",
            )._job_slice(slice_method)

    def _job_slice(self, slice_method):
        """Body of a job: one slice, no commit (the job engine commits)."""
        self.ensure_one()
        state, _size = SLICES[slice_method]
        if self.state == state:
            getattr(self, slice_method)()

    def _run_to_end(self, slice_method, commit=None):
        """Do slice after slice until none is left, in this process.

        :param commit: callable called after each slice, for callers that own their
            transaction (command line); None leaves the commit to the caller
        """
        self.ensure_one()
        while getattr(self, slice_method)():
            if commit:
                commit()
        if commit:
            commit()

    @api.model
    def _cron_continue(self):
        """Go on with runs that no job carries on: killed, or no runner set up."""
        cron = self.env["ir.cron"]
        for slice_method, (state, _size) in SLICES.items():
            for run in self.search([("state", "=", state)]):
                left = run._cron_continue_one(cron, slice_method)
                _logger.info("Billing run %s: %s, %s lines left", run.name, state, left)
                if not cron._commit_progress(remaining=left):
                    return

    def _cron_continue_one(self, cron, slice_method):
        """Slices of one run while the scheduled action has time; how many are left."""
        run = self.with_user(self.write_uid or self.env.user)
        while left := getattr(run, slice_method)():
            if not cron._commit_progress(processed=1, remaining=left):
                break
        return left
