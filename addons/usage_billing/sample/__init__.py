"""The sample story: a fictional cloud host, its customers and one month of usage.

Owns the facts of the story (``story``) and the generated usage (``usage_file``), as
plain Python without Odoo, so that the same bytes come out of a test, a script and the
back office. Does not own how any of it becomes a record: that is
``models/usage_sample.py`` and what the other add-ons add to it.
"""
