"""One HTML page about a run: the verdict first, then its stages, then what each of them found. Nothing is loaded from a network.

    write("build/mine/report.html", "Orders", verdict, run.done, {"Data": {"rows": 582}, "Cards": "| | base |…", "Picture": png_path})
"""

import base64
import html
from pathlib import Path

from lib.data import write_text

STYLE = """
:root { color-scheme: light dark; } body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin: 1.6rem 0 .4rem; } .yes { color: #0a7d53; } .no { color: #c0392b; } .dim { color: #777; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .92rem; } th, td { text-align: left; vertical-align: top; padding: .25rem .8rem .25rem 0;
border-bottom: 1px solid #8884; } td { overflow-wrap: anywhere; } pre { white-space: pre-wrap; } img { max-width: 100%; background: #fff; }
"""


def write(path, title: str, verdict, stages, parts: dict, note: str = "") -> Path:
    """The page, replaced in one step; returns its path.

    `verdict`: a metric.Verdict. `stages`: of lib.stages. `parts`: heading → a dictionary (a table), a Markdown table, a
    Path (a PNG, embedded) or plain text.
    """
    decided = f'<p class="{"yes" if verdict.passed else "no"}"><b>{"Released" if verdict.passed else "Not released"}.</b> {esc(verdict.line)}</p>'
    rows = {stage.name: f"{stage.seconds:.1f} s" + ("" if stage.fresh else " in an earlier run; unchanged, not computed again") for stage in stages}
    body = [f"<h1>{esc(title)}</h1>", decided, f'<p class="dim">{esc(note)}</p>', "<h2>The gate</h2>", f"<pre>{esc(chr(10).join(verdict.lines))}</pre>"]
    for heading, part in {**parts, "Stages": rows}.items():
        body += [f"<h2>{esc(heading)}</h2>", f'<div class="wide">{_shown(part, heading)}</div>']
    write_text(path, '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
                     f"<title>{esc(title)}</title><style>{STYLE}</style></head>\n<body>\n" + "\n".join(body) + "\n</body></html>\n")
    return Path(path)


def esc(text) -> str:
    return html.escape(str(text))


def _shown(part, heading: str) -> str:
    if isinstance(part, dict):
        return _table([[name, value] for name, value in part.items()])
    if isinstance(part, Path):
        return f'<img alt="{esc(heading)}" src="data:image/png;base64,{base64.b64encode(part.read_bytes()).decode()}">'
    if part.startswith("|"):
        lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines()]
        return _table([line for line in lines if not set("".join(line)) <= set("-: ")])
    return f"<pre>{esc(part)}</pre>"


def _table(rows: list[list]) -> str:
    return "<table>" + "".join("<tr>" + "".join(f"<td>{esc(cell)}</td>" for cell in row) + "</tr>" for row in rows) + "</table>"
