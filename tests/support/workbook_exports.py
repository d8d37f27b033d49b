"""Workbooks with the habits of the programs that write them, and what is right."""

import datetime as dt
from typing import Any

from program_exports import Export
from workbook_files import (
    HEADER,
    ods_file,
    openpyxl_file,
    raw_xlsx,
    xls_file,
    xlsx_file,
)

__all__ = ["WORKBOOKS"]

STRIP = {"strip_punctuation": True}
FLOAT = '<table:table-cell office:value-type="float" office:value="{}"/>'
DATE = '<table:table-cell office:value-type="date" office:date-value="1990-02-01"/>'
TEXT = (
    '<table:table-cell office:value-type="string"><text:p>{}</text:p>'
    "</table:table-cell>"
)
HIDDEN = (
    '<style:style style:name="hidden" style:family="table">'
    '<style:table-properties table:display="false"/></style:style>'
)


def row_of(*cells: str, attributes: str = "") -> str:
    """Return a row of an ODS file."""
    return f"<table:table-row {attributes}>{''.join(cells)}</table:table-row>"


def with_dates(book: Any, sheets: dict[str, Any]) -> None:
    """Write a date, a time and a boolean where numbers belong."""
    sheet = sheets["Plan1"]
    shown = book.add_format({"num_format": "dd/mm/yyyy"})
    clock = book.add_format({"num_format": "hh:mm"})
    sheet.write_datetime(1, 1, dt.date(1990, 2, 1), shown)
    sheet.write_datetime(2, 1, dt.time(9, 30), clock)
    sheet.write_boolean(3, 1, True)


def with_formulas(_: Any, sheets: dict[str, Any]) -> None:
    """Write formulas: with a number, a text, an error, nothing."""
    sheet = sheets["Plan1"]
    sheet.write_formula(1, 1, "=A2*1", None, 48932817001)
    sheet.write_formula(2, 1, '="48"&"932817002"', None, "48932817002")
    sheet.write_formula(3, 1, "=1/0", None, "#DIV/0!")
    sheet.write_formula(4, 1, "=A5", None, "")


def with_filter(_: Any, sheets: dict[str, Any]) -> None:
    """Hide two rows, as a filter does."""
    sheets["Plan1"].set_row(2, None, None, {"hidden": True})
    sheets["Plan1"].set_row(3, None, None, {"hidden": True})


def with_merged(_: Any, sheets: dict[str, Any]) -> None:
    """Merge a title over the columns, and a number over two rows."""
    sheet = sheets["Plan1"]
    sheet.merge_range(0, 0, 0, 2, "Mailing de Natal")
    sheet.merge_range(3, 1, 4, 1, "48932817002")


def with_hidden_sheet(_: Any, sheets: dict[str, Any]) -> None:
    """Hide a sheet."""
    sheets["Base"].hide()


def with_format(book: Any, sheets: dict[str, Any]) -> None:
    """Show numbers with a format that has punctuation of its own."""
    shown = book.add_format({"num_format": '"("00") "00000"-"0000'})
    sheets["Plan1"].write_number(1, 1, 48991234567, shown)


EXCEL = [
    Export(
        writer="Excel, numbers as numbers",
        habit="whole numbers as floats",
        content=xlsx_file(
            {"Plan1": [HEADER, [1, 48932817001, "Ana"], [2, "48932817002", ""]]}
        ),
        dialled=["48932817001", "48932817002"],
        said=("read as xlsx, sheet Plan1, header taken from line 1",),
    ),
    Export(
        writer="Excel, a format of one's own",
        habit="punctuation that only the format has",
        content=xlsx_file({"Plan1": [HEADER, [1, "", ""]]}, change=with_format),
        dialled=["48991234567"],
    ),
    Export(
        writer="Excel, dates in the column",
        habit="dates, times, true and false",
        content=xlsx_file(
            {
                "Plan1": [
                    HEADER,
                    [1, "", ""],
                    [2, "", ""],
                    [3, "", ""],
                    [4, 48932817004, ""],
                ]
            },
            change=with_dates,
        ),
        dialled=["48932817004"],
        rejected=[(2, "cell_type"), (3, "cell_type"), (4, "cell_type")],
    ),
    Export(
        writer="Excel, formulas",
        habit="formulas with numbers, texts, errors and nothing",
        content=xlsx_file(
            {"Plan1": [HEADER, [1], [2], [3], [4], [5, 48932817005]]},
            change=with_formulas,
        ),
        dialled=["48932817001", "48932817002", "48932817005"],
        rejected=[(4, "cell_type"), (5, "cell_type")],
    ),
    Export(
        writer="Excel, a filter",
        habit="rows that nobody sees",
        content=xlsx_file(
            {"Plan1": [HEADER, *([n, 48932817000 + n, ""] for n in range(1, 5))]},
            change=with_filter,
        ),
        dialled=[str(48932817000 + n) for n in range(1, 5)],
        said=("hidden rows", "2 (rows 3, 4)"),
    ),
    Export(
        writer="Excel, a table in the middle of the sheet",
        habit="empty rows and columns before the header",
        content=xlsx_file(
            {"Plan1": [HEADER, [1, 48932817001, ""], ["", "", ""], [2, "x", ""]]},
            first=(4, 3),
        ),
        dialled=["48932817001"],
        rejected=[(8, "bad_character")],
        said=("header taken from line 5",),
    ),
    Export(
        writer="Excel, titles and merged cells",
        habit="one number for two people",
        content=xlsx_file(
            {
                "Plan1": [
                    ["", "", ""],
                    HEADER,
                    [1, "48932817001", ""],
                    [2, "", ""],
                    [3, "", ""],
                ]
            },
            change=with_merged,
        ),
        dialled=["48932817001", "48932817002"],
        rejected=[(5, "merged_cell")],
        said=("header taken from line 2",),
    ),
    Export(
        writer="Excel, three sheets of which two are empty",
        habit="Plan2 and Plan3, as Excel made them",
        content=xlsx_file(
            {"Plan1": [HEADER, [1, 48932817001, ""]], "Plan2": [], "Plan3": []}
        ),
        dialled=["48932817001"],
    ),
    Export(
        writer="Excel, a sheet a month",
        habit="several sheets with contacts",
        content=xlsx_file({"Jan": [HEADER], "Fev": [HEADER, [1, 48932817001, ""]]}),
        refused=True,
        said=("several sheets with content: --sheet NAME", "'Jan', 'Fev'"),
    ),
    Export(
        writer="Excel, a sheet a month, one named",
        habit="several sheets, and an option that names one",
        content=xlsx_file({"Jan": [HEADER], "Fev": [HEADER, [1, 48932817001, ""]]}),
        options={"sheet": "fev"},
        dialled=["48932817001"],
        said=("sheet Fev",),
    ),
    Export(
        writer="Excel, a hidden sheet",
        habit="the base of a lookup that nobody sees",
        content=xlsx_file(
            {"Plan1": [HEADER, [1, 48932817001, ""]], "Base": [["x"]]},
            change=with_hidden_sheet,
        ),
        dialled=["48932817001"],
        said=("hidden sheets are not read (Base)",),
    ),
    Export(
        writer="Excel, too many digits",
        habit="numbers of which a spreadsheet has lost the end",
        content=xlsx_file(
            {
                "Plan1": [
                    HEADER,
                    [1, 5548932817001551, ""],
                    [2, 4.5, ""],
                    [3, -48932817, ""],
                ]
            }
        ),
        rejected=[(2, "e_notation"), (3, "not_a_phone"), (4, "cell_type")],
    ),
    Export(
        writer="Excel 97-2003",
        habit="a workbook from before 2007",
        content=xls_file(
            [HEADER, [1, 48932817001.0, "João"], [2, "(48) 93281-7002", ""]]
        ),
        options=STRIP,
        dialled=["48932817001", "48932817002"],
        said=("read as xls, sheet Plan1",),
    ),
    Export(
        writer="Excel 97-2003, merged",
        habit="merged cells of an old workbook",
        content=xls_file(
            [HEADER, [1, "48932817001", ""], [2, "", ""]], merged=(1, 2, 1, 1)
        ),
        dialled=["48932817001"],
        rejected=[(3, "merged_cell")],
    ),
]

OTHERS = [
    Export(
        writer="openpyxl and pandas",
        habit="texts within their cells, formulas without values",
        content=openpyxl_file(
            [HEADER, [1, 48932817001, "Ana"], [2, "=B2+1", ""], [3, "#N/A", ""]]
        ),
        dialled=["48932817001"],
        rejected=[(3, "cell_type"), (4, "cell_type")],
    ),
    Export(
        writer="Google Sheets, XLSX",
        habit="rows of cells without anything in them below the contacts",
        content=raw_xlsx(
            '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row>'
            '<row r="2"><c r="A2" t="s"><v>2</v></c>'
            '<c r="B2"><v>4.8932817001E10</v></c></row>'
            + "".join(f'<row r="{n}"><c r="B{n}"/></row>' for n in range(3, 40)),
            strings=["id", "destination", "G1"],
        ),
        dialled=["48932817001"],
    ),
    Export(
        writer="a CRM's report in XLSX",
        habit="cells without their places",
        content=raw_xlsx(
            '<row><c t="inlineStr"><is><t>destination</t></is></c></row>'
            '<row><c t="inlineStr"><is><t>+55 48 93281-7001</t></is></c></row>'
            '<row><c t="inlineStr"><is><t>(48) 93281-7002 / 7003</t></is></c></row>'
        ),
        options=STRIP,
        dialled=["+5548932817001"],
        rejected=[(3, "several_numbers")],
    ),
    Export(
        writer="Salesforce, report in XLSX",
        habit="titles above, a filter's text and a total below",
        content=xlsx_file(
            {
                "Report": [
                    ["Leads", "", ""],
                    ["Filtered by: open", "", ""],
                    [],
                    HEADER,
                    ["003A", "(48) 93281-7001", "Ana"],
                    ["Total", 1, ""],
                ]
            }
        ),
        options=STRIP,
        dialled=["48932817001"],
        rejected=[(6, "not_a_phone")],
        said=("header taken from line 4",),
    ),
    Export(
        writer="Pipedrive, XLSX",
        habit="several columns of numbers, mapped",
        content=xlsx_file(
            {
                "People": [
                    ["ID", "Telefone", "Celular"],
                    [7, "4832817001", "48 99123-4567"],
                ]
            }
        ),
        options={
            "columns": {"destination": "Telefone", "destination2": "Celular"},
            "number_form": "0ddd",
        },
        dialled=["04832817001"],
        said=("id, Telefone as destination, Celular as destination2",),
    ),
    Export(
        writer="HubSpot, XLSX",
        habit="a plus sign before each number",
        content=openpyxl_file([["Record ID", "destination"], ["1", "+5548932817001"]]),
        options={"ignore_unknown_columns": True},
        dialled=["+5548932817001"],
        said=("passed over: Record ID",),
    ),
]

LIBREOFFICE = [
    Export(
        writer="LibreOffice, ODS",
        habit="numbers as numbers, repeated empty rows at the end",
        content=ods_file(
            {
                "Planilha1": "*id;destination\n"
                + row_of(TEXT.format("L1"), FLOAT.format("48932817001"))
                + row_of(
                    '<table:table-cell table:number-columns-repeated="1024"/>',
                    attributes='table:number-rows-repeated="1048573"',
                )
            }
        ),
        dialled=["48932817001"],
        said=("read as ods, sheet Planilha1",),
    ),
    Export(
        writer="LibreOffice, ODS with errors",
        habit="errors, dates and formulas that were never worked out",
        content=ods_file(
            {
                "Planilha1": "*id;destination\n"
                + row_of(TEXT.format("L1"), DATE)
                + row_of(
                    TEXT.format("L2"),
                    '<table:table-cell table:formula="of:=1/0" office:value-type='
                    '"string" office:string-value="" calcext:value-type="error">'
                    "<text:p>#DIV/0!</text:p></table:table-cell>",
                )
                + row_of(
                    TEXT.format("L3"), '<table:table-cell table:formula="of:=[.A1]"/>'
                )
                + "\n*L4;48932817004"
            }
        ),
        dialled=["48932817004"],
        rejected=[(2, "cell_type"), (3, "cell_type"), (4, "cell_type")],
    ),
    Export(
        writer="LibreOffice, ODS with a filter",
        habit="rows that a filter hides",
        content=ods_file(
            {
                "Planilha1": "*id;destination\n*L1;48932817001\n"
                + row_of(
                    TEXT.format("L2"),
                    TEXT.format("48932817002"),
                    attributes='table:visibility="filter"',
                )
            }
        ),
        dialled=["48932817001", "48932817002"],
        said=("hidden rows", "1 (rows 3)"),
    ),
    Export(
        writer="LibreOffice, ODS with a hidden sheet",
        habit="a sheet whose style hides it",
        content=ods_file(
            {"Planilha1": "*id;destination\n*L1;48932817001", "oculta": "*x;y"},
            styles=HIDDEN,
        ),
        dialled=["48932817001"],
        said=("hidden sheets are not read (oculta)",),
    ),
]

WORKBOOKS = [*EXCEL, *OTHERS, *LIBREOFFICE]
"""All of them."""
