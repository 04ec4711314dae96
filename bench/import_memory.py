# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Memory of an import of millions of rows: the file on disk, committed slice by slice.

Figure: megabytes that the memory of the process grew beyond its highest after a tenth
of the rows. ``peak_mb`` is the highest in all, of a whole Odoo with what it imports.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import ingest_file
from run import Result, peak, watch

ROWS = {"small": 500_000, "full": 5_000_000}


def write_file(path, count):
    """The file of ``ingest_file``, written line by line."""
    with open(path, "w") as file:
        file.write("id,account,time,metric,quantity,region,class\n")
        file.writelines(
            f"{i},{a},{t:%Y-%m-%dT%H:%M:%SZ},{m},{q},{r},{c}\n"
            for i, a, t, m, q, r, c in ingest_file.rows(count)
        )


def measure(env, size):
    """Import slice by slice, as the command line and the jobs do."""
    count = ROWS[size]
    mapping = env["billing.mapping"]._from_text(ingest_file.MAPPING, env.company)
    mapping._provision(ingest_file.usage_file(1000), "bench.csv")
    env.cr.commit()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "bench.csv"
        write_file(path, count)
        megabytes = path.stat().st_size / 2**20
        begun = peak()
        tenth = None
        with watch(env.cr) as spent:
            delivery = env["billing.delivery"]._receive(path, mapping)
            env.cr.commit()
            received = peak()
            while delivery._import_committed_slice():
                delivery.invalidate_recordset()
                if tenth is None and delivery.rows_read >= count // 10:
                    tenth = peak()
                env.cr.commit()
    end = peak()
    delivery.invalidate_recordset()
    if (delivery.state, delivery.accepted_count) != ("done", count):
        raise RuntimeError(f"{delivery.state}: {delivery.accepted_count} of {count}")
    return Result(
        figure=end - tenth,
        unit="MB of memory more",
        goal=8,
        minimum=32,
        higher_is_better=False,
        judges_figure=True,
        extra={
            "rows": count,
            "file_mb": megabytes,
            "peak_mb": end,
            "before_mb": begun,
            "receiving_mb_more": received - begun,
            "rows_per_s": count / spent.wall,
        },
    )
