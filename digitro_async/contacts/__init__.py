"""Contact files in, rejected rows out; values only, no PABX is known here."""

from digitro_async.contacts._charset import ENCODINGS
from digitro_async.contacts._cleaning import CleanedNumber, CleaningCounts
from digitro_async.contacts._columns import GENERAL_WORDS
from digitro_async.contacts._contact_file import ContactFile, open_contacts
from digitro_async.contacts._contact_number import ContactNumber, DayHours
from digitro_async.contacts._contact_row import ContactRow, RejectCode, RejectedRow
from digitro_async.contacts._continued_rejects import ContinuedRejects
from digitro_async.contacts._file_reading import FileReading
from digitro_async.contacts._rejects_file import RejectsFile

__all__ = [
    "ENCODINGS",
    "GENERAL_WORDS",
    "CleanedNumber",
    "CleaningCounts",
    "ContactFile",
    "ContactNumber",
    "ContactRow",
    "ContinuedRejects",
    "DayHours",
    "FileReading",
    "RejectCode",
    "RejectedRow",
    "RejectsFile",
    "open_contacts",
]
