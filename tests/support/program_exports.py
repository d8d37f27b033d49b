"""Contact files as programs write them: their habits, in bytes, and what is right."""

from collections.abc import Mapping
from typing import Any

import attrs

__all__ = ["EXPORTS", "Export"]

STRIP = {"strip_punctuation": True}
IGNORE = {"ignore_unknown_columns": True}
BOM = b"\xef\xbb\xbf"


@attrs.frozen(kw_only=True)
class Export:
    """One file, how it is read, and what must come of it.

    Attributes:
        writer: Program that writes such files.
        habit: What is special about it.
        content: Its bytes.
        options: Options of ``open_contacts``.
        dialled: The numbers of its contacts.
        rejected: Line and code of each rejected row.
        said: Texts of the lines that are printed before dialling, or of the refusal.
        refused: Whether the file is refused as a whole.
    """

    writer: str
    habit: str
    content: bytes
    options: Mapping[str, Any] = attrs.field(factory=dict)
    dialled: list[str] = attrs.field(factory=list)
    rejected: list[tuple[int, str]] = attrs.field(factory=list)
    said: tuple[str, ...] = ()
    refused: bool = False


def crlf(*lines: str) -> str:
    """Return lines with the ends that programs of Windows write."""
    return "".join(f"{line}\r\n" for line in lines)


EXCEL = [
    Export(
        writer="Excel, pt-BR",
        habit="CSV with semicolons, cp1252, a number as 4,8933E+10",
        content=crlf(
            "id;destination;user_data",
            "E1;(48) 93281-7001;João",
            "E2;4,89328E+10;Zé",
            "E3;48932817003;Conceição",
        ).encode("cp1252"),
        options=STRIP,
        dialled=["48932817001", "48932817003"],
        rejected=[(3, "e_notation")],
        said=("read as cp1252, split at semicolons",),
    ),
    Export(
        writer="Excel, en-US",
        habit="CSV with commas, and numbers formatted with thousands",
        content=crlf(
            "ID,Destination,User_Data",
            'U1,(415) 555-2671,"Smith, John"',
            'U2,"48,932,817,002",Ann',
            "U3,+1 415-555-2672 x22,Bob",
        ).encode("cp1252"),
        options=STRIP,
        dialled=["4155552671"],
        rejected=[(3, "not_a_phone"), (4, "several_numbers")],
        said=("split at commas",),
    ),
    Export(
        writer="Excel, CSV UTF-8",
        habit="byte order mark, delimiters at row ends, empty rows",
        content=BOM
        + crlf(
            "id;destination;user_data;;",
            "B1;48932817001;João;;",
            ";;;;",
            "B2;48932817002",
            ";;;;",
        ).encode(),
        dialled=["48932817001", "48932817002"],
        said=("read as utf-8-sig", "columns: id, destination, user_data"),
    ),
    Export(
        writer="Excel for Mac, CSV (Macintosh)",
        habit="mac-roman, lines that end with CR",
        content="id;destination;user_data\rM1;48932817001;João\r".encode("mac-roman"),
        dialled=["48932817001"],
        said=("read as cp1252", "--encoding mac-roman"),
    ),
    Export(
        writer="Excel, Unicode text",
        habit="UTF-16 with tabs",
        content=b"\xff\xfe"
        + crlf("id\tdestination\tuser_data", "U1\t48932817001\tJoão").encode(
            "utf-16-le"
        ),
        dialled=["48932817001"],
        said=("read as utf-16, split at tabs",),
    ),
    Export(
        writer="Excel, CSV (MS-DOS)",
        habit="cp850",
        content=crlf("id;destination;user_data", "D1;48932817001;Antônio José").encode(
            "cp850"
        ),
        options={"encoding": "cp850"},
        dialled=["48932817001"],
        said=("read as cp850",),
    ),
    Export(
        writer="Excel, by a macro",
        habit="sep=; above the header",
        content=BOM + crlf("sep=;", "id;destination", "S1;48932817001").encode(),
        dialled=["48932817001"],
        said=("header taken from line 2",),
    ),
    Export(
        writer="Excel, column as text",
        habit='apostrophes, and ="..." to keep zeros',
        content=crlf(
            "id;destination;user_data",
            "'001;'048932817001;'=SOMA",
            '="002";="+5548932817002";x',
        ).encode(),
        dialled=["048932817001", "+5548932817002"],
    ),
    Export(
        writer="Excel, columns mixed up",
        habit="dates, documents and amounts in the column of numbers",
        content=crlf(
            "id;destination",
            "X1;01/02/1990",
            "X2;123.456.789-00",
            "X3;R$ 1.234,56",
            "X4;12.345.678/0001-90",
            "X5;32.81.70.01",
        ).encode(),
        options=STRIP,
        dialled=["32817001"],
        rejected=[(line, "not_a_phone") for line in range(2, 6)],
    ),
]

LIBREOFFICE_AND_SHEETS = [
    Export(
        writer="LibreOffice",
        habit="every text in quotes, notes of several lines",
        content=(
            b'"id","destination","user_data"\n'
            b'"L1","48932817001","liga\ndepois; ""hoje"""\n"L2","48932817002",""\n'
        ),
        dialled=["48932817001", "48932817002"],
    ),
    Export(
        writer="LibreOffice, texts in apostrophes",
        habit="an apostrophe before and behind each text",
        content=b"id;destination\n'L3';'48932817003'\n",
        dialled=["48932817003"],
    ),
    Export(
        writer="LibreOffice, saved again",
        habit="the separator line in quotes, with delimiters behind it",
        content=b'"sep=;",,\nid,destination,user_data\nL4,48932817004,a;b\n',
        dialled=["48932817004"],
        said=("split at commas, header taken from line 2",),
    ),
    Export(
        writer="Google Sheets, CSV",
        habit="no end of the last line",
        content=b"id,destination\r\nG1,48932817001\r\nG2,48932817002",
        dialled=["48932817001"],
        rejected=[(3, "open_end")],
    ),
    Export(
        writer="Google Sheets, CSV, option given",
        habit="no end of the last line, and rows of delimiters before it",
        content=b"id,destination\r\nG1,48932817001\r\n,\r\nG2,48932817002",
        options={"allow_open_end": True},
        dialled=["48932817001", "48932817002"],
    ),
    Export(
        writer="Google Sheets, TSV",
        habit="numbers with a plus taken for formulas",
        content=b"id\tdestination\nG3\t#ERROR!\nG4\t+55 48 93281-7004\n",
        options=STRIP,
        dialled=["+5548932817004"],
        rejected=[(2, "bad_character")],
        said=("split at tabs",),
    ),
]

PANDAS = [
    Export(
        writer="pandas, to_csv",
        habit="a column of indexes without a name",
        content=b",id,destination\n0,P1,48932817001.0\n1,P2,\n",
        refused=True,
        said=("column 1 (without a name) is unknown", "--ignore-unknown-columns"),
    ),
    Export(
        writer="pandas, to_csv, option given",
        habit="numbers as floats, and missing ones",
        content=b",id,destination\n0,P1,48932817001.0\n1,P2,\n2,P3,4.8932817e+10\n",
        options=IGNORE,
        rejected=[(2, "decimal"), (3, "no_number"), (4, "e_notation")],
        said=("passed over: column 1",),
    ),
    Export(
        writer="pandas, texts",
        habit="index=False, dtype=str, nan as text",
        content=b"id,destination\nP1,048932817001\nP2,nan\n",
        dialled=["048932817001"],
        rejected=[(3, "bad_character")],
    ),
    Export(
        writer="pandas, read with another encoding than written",
        habit="letters that were encoded twice",
        content="id;destination;user_data\nP1;48932817001;JoÃ£o\n".encode(),
        dialled=["48932817001"],
        said=("letters look encoded twice",),
    ),
]

CRM = [
    Export(
        writer="HubSpot",
        habit="general words as names, apostrophe before the plus",
        content=b'"Record ID","destination","Account"\n"1","\'+5548932817001","A"\n',
        options={**IGNORE, "columns": {"id": "Record ID"}},
        dialled=["+5548932817001"],
        said=("columns: Record ID as id, destination; passed over: Account",),
    ),
    Export(
        writer="HubSpot, general words alone",
        habit="Device and Route",
        content=b'"id","destination","Device","Route"\n"1","48932817001","iOS","7"\n',
        refused=True,
        said=("'Device' is a general word", "--map device=Device"),
    ),
    Export(
        writer="Salesforce, report",
        habit="rows about the report below the contacts",
        content=(
            b'"id","destination"\n"003A","(48) 93281-7001"\n"",""\n'
            b'"Report: Leads"\n"Copyright (c) salesforce.com, inc."\n'
        ),
        options=STRIP,
        dialled=["48932817001"],
        rejected=[(4, "too_few_columns"), (5, "too_few_columns")],
    ),
    Export(
        writer="Salesforce, Data Loader",
        habit="names in capitals, mapped",
        content=b'"ID","PHONE","NAME"\r\n"003B","48932817002","Ana"\r\n',
        options={"columns": {"destination": "Phone", "user_data": "Name"}},
        dialled=["48932817002"],
        said=("PHONE as destination, NAME as user_data",),
    ),
    Export(
        writer="RD Station",
        habit="another name for the number, not mapped",
        content=b"Nome,Telefone\r\nAna,48932817001\r\n",
        refused=True,
        said=("column 2 'Telefone' may be it: --map destination=Telefone",),
    ),
    Export(
        writer="Pipedrive",
        habit="several numbers of a person in one cell",
        content=(
            b"id,Person - Phone\n1,48932817001\n"
            b'2,"48932817002, 48932817003"\n3,48932817004 ext. 22\n'
        ),
        options={"columns": {"destination": "Person - Phone"}},
        dialled=["48932817001"],
        rejected=[(3, "several_numbers"), (4, "several_numbers")],
    ),
]

MAILING_HOUSES = [
    Export(
        writer="mailing house, report",
        habit="titles above, a total below",
        content=(
            b"Mailing 28/11/2026;;\nCampanha;Natal;\n\nid;destination;user_data\n"
            b"H1;48932817001;Ana\nTotal;1;\n"
        ),
        dialled=["48932817001"],
        rejected=[(6, "not_a_phone")],
        said=("header taken from line 4",),
    ),
    Export(
        writer="mailing house, mainframe",
        habit="cells padded with blanks, the end sign of DOS",
        content=b"id   ;destination     \r\nH2   ;48932817002     \r\n\x1a",
        dialled=["48932817002"],
    ),
    Export(
        writer="mailing house, blocks of a tape",
        habit="zero bytes up to the end of a block",
        content=b"id;destination\r\nH3;48932817003\r\n" + b"\0" * 64,
        dialled=["48932817003"],
        rejected=[(3, "nul_byte")],
    ),
    Export(
        writer="mailing house, pipes",
        habit="cells set apart by |, carriers as 0xx",
        content="id|destination|user_data\nH4|0xx48 3281-7004|José\n".encode("cp1252"),
        options=STRIP,
        rejected=[(2, "placeholder")],
        said=("split at pipes",),
    ),
    Export(
        writer="mailing house, files put together",
        habit="UTF-8 above, cp1252 below, the header in between",
        content=(
            "id;destination;user_data\nH5;48932817005;Conceição\n".encode()
            + "id;destination;user_data\nH6;48932817006;João\n".encode("cp1252")
        ),
        dialled=["48932817005"],
        rejected=[(3, "bad_character"), (4, "unreadable_bytes")],
        said=("read as utf-8", "rows with wrong bytes are rejected (wrong bytes: 1)"),
    ),
    Export(
        writer="a messenger, pasted into a file",
        habit="invisible characters around and within numbers",
        content=(
            "id;destination\nW1;\u202a+55 48 93281\u20117001\u202c\n"
            "W2;48932817002\u200b\n"
        ).encode(),
        options=STRIP,
        dialled=["+5548932817001", "48932817002"],
    ),
]

EXPORTS = [*EXCEL, *LIBREOFFICE_AND_SHEETS, *PANDAS, *CRM, *MAILING_HOUSES]
