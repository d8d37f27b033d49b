"""Workbooks, as the programs write them that contacts come from."""

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

import openpyxl
import xlsxwriter
import xlwt

__all__ = [
    "HEADER",
    "ods_file",
    "openpyxl_file",
    "raw_xlsx",
    "xls_file",
    "xlsx_file",
]

HEADER: list[Any] = ["id", "destination", "user_data"]
Rows = Sequence[Sequence[Any]]


def xlsx_file(
    sheets: Mapping[str, Rows],
    *,
    change: Callable[[Any, dict[str, Any]], None] | None = None,
    first: tuple[int, int] = (0, 0),
) -> bytes:
    """Return a workbook as Excel writes it: shared texts, numbers as floats.

    Args:
        sheets: Name of each sheet to its rows.
        change: Takes the workbook and its sheets, to write what else they hold.
        first: Row and column of the first cell.
    """
    made = io.BytesIO()
    book = xlsxwriter.Workbook(made, {"in_memory": True})
    written = {}
    for name, rows in sheets.items():
        sheet = written[name] = book.add_worksheet(name)
        for at, row in enumerate(rows):
            sheet.write_row(first[0] + at, first[1], row)
    if change is not None:
        change(book, written)
    book.close()
    return made.getvalue()


def openpyxl_file(rows: Rows, *, name: str = "Sheet") -> bytes:
    """Return a workbook as programs in Python write it: no value beside formulas."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = name
    for row in rows:
        sheet.append(row)
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def xls_file(rows: Rows, *, name: str = "Plan1", merged: Any = None) -> bytes:
    """Return a workbook as Excel wrote it until 2003."""
    book = xlwt.Workbook()
    sheet = book.add_sheet(name, cell_overwrite_ok=True)
    for at, row in enumerate(rows):
        for place, value in enumerate(row):
            sheet.write(at, place, value)
    if merged is not None:
        sheet.merge(*merged)
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def raw_xlsx(rows: str, *, name: str = "Sheet1", strings: Sequence[str] = ()) -> bytes:
    """Return a workbook whose rows are given as XML, as leaner writers make it."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    kinds = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    types = "application/vnd.openxmlformats-officedocument.spreadsheetml."
    texts = "".join(f"<si><t>{escape(one)}</t></si>" for one in strings)
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types">'
        '<Default Extension="xml" ContentType="application/xml"/>'
        '<Default Extension="rels" ContentType='
        '"application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{types}sheet.main+xml"/>'
        "</Types>",
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="rId1" Type="{kinds}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{kinds}"><sheets>'
        f'<sheet name="{escape(name)}" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="rId1" Type="{kinds}/worksheet" '
        'Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="rId2" Type="{kinds}/sharedStrings" '
        'Target="sharedStrings.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{rows}'
        "</sheetData></worksheet>",
        "xl/sharedStrings.xml": f'<sst xmlns="{main}">{texts}</sst>',
    }
    return _archive(parts)


def ods_file(tables: dict[str, str], *, styles: str = "") -> bytes:
    """Return a workbook as LibreOffice writes it.

    Args:
        tables: Name of each table to the XML of its rows; ``*id;destination`` stands
            for a row of texts.
        styles: XML of automatic styles.
    """
    names = {
        "office": "urn:oasis:names:tc:opendocument:xmlns:office:1.0",
        "table": "urn:oasis:names:tc:opendocument:xmlns:table:1.0",
        "text": "urn:oasis:names:tc:opendocument:xmlns:text:1.0",
        "style": "urn:oasis:names:tc:opendocument:xmlns:style:1.0",
        "calcext": "urn:org:documentfoundation:names:experimental:calc:xmlns"
        ":calcext:1.0",
    }
    spaces = " ".join(f'xmlns:{one}="{uri}"' for one, uri in names.items())
    body = "".join(
        f'<table:table table:name="{escape(name)}"{_style_of(name)}>'
        + "".join(_ods_row(row) for row in rows.split("\n"))
        + "</table:table>"
        for name, rows in tables.items()
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    return _archive(
        {
            "mimetype": kind,
            "content.xml": f'<?xml version="1.0" encoding="UTF-8"?>'
            f"<office:document-content {spaces}><office:automatic-styles>{styles}"
            "</office:automatic-styles><office:body><office:spreadsheet>"
            f"{body}</office:spreadsheet></office:body></office:document-content>",
            "META-INF/manifest.xml": '<manifest:manifest xmlns:manifest="urn:oasis:'
            'names:tc:opendocument:xmlns:manifest:1.0"><manifest:file-entry '
            f'manifest:full-path="/" manifest:media-type="{kind}"/>'
            "</manifest:manifest>",
        }
    )


def _style_of(name: str) -> str:
    return ' table:style-name="hidden"' if name.startswith("oculta") else ""


def _ods_row(row: str) -> str:
    if not row.startswith("*"):
        return row
    cells = "".join(
        '<table:table-cell office:value-type="string" calcext:value-type="string">'
        f"<text:p>{escape(cell)}</text:p></table:table-cell>"
        if cell
        else "<table:table-cell/>"
        for cell in row[1:].split(";")
    )
    return f"<table:table-row>{cells}</table:table-row>"


def _archive(parts: dict[str, str]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            stored = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            archive.writestr(name, text, compress_type=stored)
    return made.getvalue()
