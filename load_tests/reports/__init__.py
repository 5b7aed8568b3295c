"""Reports of a run or a comparison: one HTML file, Markdown, CSV, JSON and PNG (`write.py` writes them all).

By distance from the reader: `page/` (template, style, scripts) ← `html_page.py`, `markdown.py`, `document.py`,
`pictures.py`, `records.py` ← what they say (`findings.py`, `headline.py`, `factorial.py`, `bill.py`, `fates.py`,
`tables.py`, `texts.py`, `points.py`) ← `view.py`, the run or comparison as all of them see it. Every figure comes from
files that `load_tests/runs/schema.py` describes; nothing here measures, and no verdict is formed here.
"""
