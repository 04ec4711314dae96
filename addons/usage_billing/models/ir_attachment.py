import filecmp
import hashlib
import io
import os
import shutil
from contextlib import contextmanager
from pathlib import Path

from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools import SQL

_BLOCK = 1 << 20
#: Largest number of the column.
_MOST = 2**31 - 1


class IrAttachment(models.Model):
    _inherit = "ir.attachment"

    @api.model
    def _keep_file(self, raw, vals):
        """An attachment with the content of a file of any size.

        The file goes into the filestore block by block, under the same name and with
        the same checksum as Odoo would give it, in constant memory. Its words are not
        put into the database for the full-text search.

        :param bytes | Path | BinaryIO raw: the content, where it is, or an open file
        :param dict vals: of the attachment, without content
        :rtype: ir.attachment
        """
        if self._storage() != "file":  # where content goes is somebody else's rule
            with _opened(raw) as file:
                return self.create({**vals, "raw": file.read()})
        # The row comes first: what collects files that nobody needs waits for its end.
        attachment = self.create(vals)
        with _opened(raw) as file:
            checksum = hashlib.file_digest(file, "sha1").hexdigest()
            size = file.tell()
            file.seek(0)
            name = self._keep_in_filestore(file, checksum)
        attachment.flush_recordset()
        self.env.cr.execute(
            SQL(
                "UPDATE ir_attachment SET store_fname = %s, checksum = %s,"
                " file_size = %s WHERE id = %s",
                name,
                checksum,
                min(size, _MOST),
                attachment.id,
            )
        )
        attachment.invalidate_recordset()
        return attachment

    def _get_kept(self):
        """What :meth:`_keep_file` kept: its path, or its bytes where there is none.

        :rtype: Path | bytes
        """
        self.ensure_one()
        if self.store_fname and self._storage() == "file":
            return Path(self._full_path(self.store_fname))
        return self.raw

    def _keep_in_filestore(self, file, checksum):
        """Copy an open file to its place, unless it is there.

        :return: its name in the filestore
        :raise UserError: another content is there
        """
        name = f"{checksum[:2]}/{checksum}"
        place = Path(self._full_path(name))
        place.parent.mkdir(parents=True, exist_ok=True)
        self._mark_for_gc(name)  # in case the transaction ends without it
        draft = place.with_name(f"{place.name}.{os.getpid()}.part")
        try:
            with open(draft, "wb") as copy:
                shutil.copyfileobj(file, copy, _BLOCK)
                copy.flush()
                os.fsync(copy.fileno())
            if not place.exists():
                draft.replace(place)
            elif not filecmp.cmp(draft, place, shallow=False):
                raise UserError(
                    self.env._(
                        "The filestore holds another content under the name of this "
                        "file, %(name)s. Restore that file from a backup, then import "
                        "again.",
                        name=name,
                    )
                )
        finally:
            draft.unlink(missing_ok=True)
        return name


@contextmanager
def _opened(raw):
    """An open file of a content, at its beginning."""
    if isinstance(raw, bytes):
        yield io.BytesIO(raw)
    elif isinstance(raw, Path):
        with raw.open("rb") as file:
            yield file
    else:
        raw.seek(0)
        yield raw
