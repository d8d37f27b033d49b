"""Contact files in, results files out; values only, no PABX is known here."""

from digitro_async.contacts._continued import ContinuedRejects
from digitro_async.contacts._encoding import ENCODINGS
from digitro_async.contacts._reader import ContactFile, open_contacts
from digitro_async.contacts._results import RejectsFile, ResultsFile
from digitro_async.contacts._samples import sample_contacts, write_sample_file
from digitro_async.contacts._values import Contact, RejectCode, RejectedRow

__all__ = [
    "ENCODINGS",
    "Contact",
    "ContactFile",
    "ContinuedRejects",
    "RejectCode",
    "RejectedRow",
    "RejectsFile",
    "ResultsFile",
    "open_contacts",
    "sample_contacts",
    "write_sample_file",
]
