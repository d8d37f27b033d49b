"""Brazilian telephone numbers: read, checked, and written in the form that one wants.

Nothing here changes a number unless it is told the form to write it in.
"""

from digitro_async.numbers._area_codes import AREA_CODES
from digitro_async.numbers._number_problems import NumberProblem, NumberReason
from digitro_async.numbers._number_reading import parse_number
from digitro_async.numbers._numbering_plan import check_numbering_plan
from digitro_async.numbers._phone_number import CARRIERS, NumberKind, PhoneNumber
from digitro_async.numbers._target_form import NumberForm, number_form

__all__ = [
    "AREA_CODES",
    "CARRIERS",
    "NumberForm",
    "NumberKind",
    "NumberProblem",
    "NumberReason",
    "PhoneNumber",
    "check_numbering_plan",
    "number_form",
    "parse_number",
]
