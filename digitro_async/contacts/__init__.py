"""Contact files in, results files out; values only, no PABX is known here."""

from digitro_async.contacts._charset import ENCODINGS
from digitro_async.contacts._contact_file import ContactFile, open_contacts
from digitro_async.contacts._contact_row import ContactRow, RejectCode, RejectedRow
from digitro_async.contacts._continued_rejects import ContinuedRejects
from digitro_async.contacts._result_files import RejectsFile, ResultsFile

__all__ = [
    "ENCODINGS",
    "ContactFile",
    "ContactRow",
    "ContinuedRejects",
    "RejectCode",
    "RejectedRow",
    "RejectsFile",
    "ResultsFile",
    "open_contacts",
]
