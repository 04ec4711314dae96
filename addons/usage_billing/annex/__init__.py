"""What a customer downloads to check an invoice: the usage behind it as a table.

Owns how a cell is written for a person's spreadsheet program (language, dates, exact
numbers, no formulas). Does not own which rows a person may see: that is
``models/usage_explorer.py``. Standard library only.
"""
