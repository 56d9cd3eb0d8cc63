"""Writes a workbook: write_workbook.py FILE SHEETS, sheets as JSON, rows of cells each.

A cell is text, a number, or {"at": "2026-11-02T10:15:30"} for a date and time.
"""

import json
import sys
from datetime import datetime

from openpyxl import Workbook


def cell(value):
    return datetime.fromisoformat(value["at"]) if isinstance(value, dict) else value


path, sheets = sys.argv[1], json.loads(sys.argv[2])
book = Workbook()
book.remove(book.active)
for number, rows in enumerate(sheets):
    sheet = book.create_sheet(f"Sheet{number + 1}")
    for row in rows:
        sheet.append([cell(value) for value in row])
book.save(path)
print(json.dumps({"sheets": len(sheets)}))
