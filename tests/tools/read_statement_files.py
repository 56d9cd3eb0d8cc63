"""Reads a settlement statement as PDF and as XLSX with other people's readers.

    read_statement_files.py PDF_FILE XLSX_FILE

Prints {"pages", "text", "tagged", "title", "lines", "entries"} as JSON: the text of the PDF with its spaces
taken out, and the rows of both sheets, numbers as decimals with two places.
"""

import json
import sys
from decimal import Decimal

import openpyxl
import pypdf


def shown(cell):
    if cell is None:
        return ""
    if isinstance(cell, (int, float)):
        return str(Decimal(repr(cell)).quantize(Decimal("0.01")))
    return str(cell)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    reader = pypdf.PdfReader(sys.argv[1])
    text = "".join(page.extract_text() for page in reader.pages)
    root = reader.trailer["/Root"]
    workbook = openpyxl.load_workbook(sys.argv[2])
    lines, entries = workbook.worksheets
    formulas = [
        cell.coordinate
        for sheet in workbook.worksheets
        for row in sheet.iter_rows()
        for cell in row
        if cell.data_type == "f"
    ]
    print(
        json.dumps(
            {
                "pages": len(reader.pages),
                "text": "".join(text.split()),
                "tagged": bool(root["/MarkInfo"]["/Marked"]) and "/StructTreeRoot" in root,
                "title": reader.metadata.title,
                "lines": [[shown(cell) for cell in row] for row in lines.iter_rows(values_only=True)],
                "entries": [[shown(cell) for cell in row] for row in entries.iter_rows(values_only=True)],
                "formulas": formulas,
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
