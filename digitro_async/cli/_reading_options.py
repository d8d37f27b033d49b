"""Options that say how a contact file is read."""

from pathlib import Path
from typing import Annotated

import attrs
from cyclopts import Parameter

from digitro_async.calls import NEEDED_FIELDS
from digitro_async.cli._arguments import AtLeastOne, Switch
from digitro_async.config import Config
from digitro_async.contact_settings import ContactSettings
from digitro_async.contacts import ContactFile, open_contacts
from digitro_async.errors import ConfigurationError

__all__ = ["READ_AS_FOUND", "FileOptions", "ReadingOptions"]


@attrs.frozen(kw_only=True)
class FileOptions:
    """The ways in which a contact file is read.

    Attributes:
        encoding: Encoding of the file, if it is guessed wrong.
        map: FIELD=COLUMN: the column of that name is this field. May be given several
            times.
        header_line: Number of the line with the names of the columns, if a title above
            it is mistaken for that.
        ignore_unknown_columns: Ignore columns with unknown names.
        sheet: Name of the workbook's sheet, or its number from 1, if several have rows.
        strip_punctuation: Remove blanks, dashes, dots, parentheses, slashes and
            invisible characters from numbers.
        number_form: Check numbers, and write them as as-written, 0ddd, ddd, 55ddd,
            e164, carrier:NN, local:DDD or local:DDD,FORM; without it, nothing is
            checked by the numbering plan or rewritten.
        area_code: The area code (DDD) of numbers that have none.
        allow_open_end: Accept a last line without a line end.
    """

    encoding: str | None = None
    map: Annotated[list[str], Parameter(negative="", show_default=False)] = attrs.field(
        factory=list
    )
    header_line: AtLeastOne | None = None
    sheet: str | None = None
    ignore_unknown_columns: Switch = False
    strip_punctuation: Switch = False
    number_form: str | None = None
    area_code: str | None = None
    allow_open_end: Switch = False

    def open(self, contacts: Path, config: Config | None) -> ContactFile:
        """Return the open file; an option counts before what the configuration says.

        Args:
            contacts: The file.
            config: The configuration; without one, fields that every call needs are
                not looked for.

        Raises:
            ConfigurationError: If it can't be opened or has no usable header.
        """
        kept = ContactSettings() if config is None else config.contacts
        return open_contacts(
            contacts,
            defaults=_NOT_LOOKED_FOR if config is None else config.call,
            encoding=self.encoding,
            columns={**kept.map, **self._columns()},
            header_line=self.header_line,
            sheet=self.sheet,
            ignore_unknown_columns=self.ignore_unknown_columns,
            strip_punctuation=self.strip_punctuation or kept.strip_punctuation,
            number_form=self.number_form or kept.number_form,
            area_code=self.area_code or kept.area_code,
            allow_open_end=self.allow_open_end,
        )

    def _columns(self) -> dict[str, str]:
        columns: dict[str, str] = {}
        for text in self.map:
            field, sign, column = text.partition("=")
            field = field.strip()
            if not sign:
                raise ConfigurationError(
                    "--map must be FIELD=COLUMN, as in --map destination=Telefone"
                )
            if field in columns:
                raise ConfigurationError(f"--map: {field} is given twice")
            columns[field] = column
        return columns


ReadingOptions = Annotated[FileOptions, Parameter(name="*")]
_NOT_LOOKED_FOR = dict.fromkeys(NEEDED_FIELDS, "-")
READ_AS_FOUND = FileOptions()
