"""One HTML file that shows where things stand: no server, no script, nothing loaded from elsewhere.

    write("build/dashboard.html", "Clinic assistant", "2026-11-30", [("score", "55 %", "bad")], [("Drift by day", "alt text", png_path)])
"""

import base64
import html
from pathlib import Path

from lib import data

STYLE = """body{font:16px/1.45 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
ul.facts{display:flex;flex-wrap:wrap;gap:1rem;padding:0;list-style:none}ul.facts li{border-left:.4rem solid #7F7F7F;padding:.4rem .8rem;background:#f6f6f6;min-width:9rem}
li.good{border-color:#009E73!important}li.bad{border-color:#D55E00!important}b{display:block;font-size:1.3rem}
img{max-width:100%;height:auto}figure{margin:1.5rem 0}table{border-collapse:collapse}td,th{padding:.2rem .8rem;text-align:left;border-bottom:1px solid #ddd}"""


def page(title: str, day: str, facts, pictures, rows=(), note: str = "") -> str:
    """`facts`: (name, value, "good" | "bad" | ""); `pictures`: (caption, alt text, PNG file); `rows`: a table, its head first."""
    def cells(row, tag):
        return "<tr>" + "".join(f"<{tag}>{html.escape(str(cell))}</{tag}>" for cell in row) + "</tr>"

    items = "".join(f'<li class="{html.escape(state)}">{html.escape(name)}<b>{html.escape(str(value))}</b></li>' for name, value, state in facts)
    shown = "".join(f'<figure><img alt="{html.escape(alt)}" src="data:image/png;base64,{base64.b64encode(Path(path).read_bytes()).decode()}">'
                    f"<figcaption>{html.escape(caption)}</figcaption></figure>" for caption, alt, path in pictures)
    table = "<table>" + "".join(cells(row, "td" if k else "th") for k, row in enumerate(rows)) + "</table>" if rows else ""
    return (f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            f"<title>{html.escape(title)}</title><style>{STYLE}</style></head><body><h1>{html.escape(title)}</h1><p>{html.escape(day)}. {html.escape(note)}</p>"
            f'<ul class="facts">{items}</ul>{table}{shown}</body></html>\n')


def write(path, *content, **more) -> None:
    """The page as a file, replaced in one step: whoever reloads it never sees half of it."""
    data.write_text(path, page(*content, **more))
