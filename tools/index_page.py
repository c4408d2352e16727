"""The pages of a run: one HTML page per notebook and build/<profile>/index.html over all of them.

Nothing is loaded from a network: styles are inline, pictures are embedded. Formulas are set by the
browser only where MathJax can be reached; offline their TeX source is shown.
"""

import base64
import html
import json
import re
from pathlib import Path

from nbconvert import HTMLExporter

from tools import notebooks, safety, tables

STYLE = """
:root { color-scheme: light dark; --line: #8884; --dim: #777; --ok: #0a7d53; --bad: #c0392b; --card: #8881; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 62rem; padding: 1rem; }
h1 { font-size: 1.6rem; margin: .5rem 0 0; } h2 { margin: 2.2rem 0 .6rem; font-size: 1.25rem; }
.dim { color: var(--dim); } .ok { color: var(--ok); } .failed { color: var(--bad); }
.lesson { border: 1px solid var(--line); border-radius: .6rem; padding: .8rem 1rem; margin: .8rem 0; background: var(--card); }
.lesson h3 { margin: 0; font-size: 1.05rem; } .lesson p { margin: .3rem 0; overflow-wrap: anywhere; }
.lesson img { max-width: 100%; height: auto; background: #fff; border-radius: .4rem; margin-top: .4rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .9rem; min-width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem; border-bottom: 1px solid var(--line); }
td.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
@media (max-width: 40rem) { body { font-size: 15px; padding: .6rem; } td.wide { min-width: 14rem; } }
"""


def write(root: Path, profile: str) -> Path:
    """Write build/<profile>/index.html from what lies in that folder; returns its path."""
    build = Path(root, "build", profile)
    paths = notebooks.paths(root)
    records = [r for p in paths if (r := read_results(build, p))]
    measured = tables.claims(tables.ledger(root), records)
    done = sum((build / p.name).is_file() and not _failed(build, p).is_file() for p in paths)
    body = [f"<h1>Course results, profile <code>{esc(profile)}</code></h1>",
            f'<p class="dim">{done} of {len(paths)} lessons complete. The medical text of the examples is '
            "synthetic and no advice.</p>", "<h2>Lessons</h2>"]
    body += [_lesson(build, p) for p in paths]
    body += ["<h2>Scoreboard</h2>", _scoreboard(tables.scores(records)), "<h2>Claims</h2>", _claims(measured)]
    page = ('<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>Course results, {esc(profile)}</title><style>{STYLE}</style></head>\n<body>\n"
            + "\n".join(body) + "\n</body></html>\n")
    notebooks.write_text(build / "index.html", page)
    return build / "index.html"


def read_results(build: Path, path: Path) -> dict:
    """What the notebook recorded in this profile, or {}."""
    file = build / notebooks.number(path) / "results.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def _failed(build: Path, path: Path) -> Path:
    return build / f"{path.stem}.failed.ipynb"


def _lesson(build: Path, path: Path) -> str:
    name = f"{notebooks.number(path)} · {notebooks.title(notebooks.read(path))}"
    failed, complete = _failed(build, path), build / path.name
    source = failed if failed.is_file() else complete
    if not source.is_file():
        return f'<div class="lesson"><h3>{esc(name)}</h3><p class="dim">not run in this profile</p></div>'
    nb = notebooks.read(source)
    course = nb.metadata.get("course", {})
    link = f'<a href="{path.stem}.html">{esc(name)}</a>'
    seconds = course.get("seconds", 0)
    duration = f"{seconds:.0f} s" if seconds < 60 else f"{seconds / 60:.1f} min"
    if source == failed:
        return (f'<div class="lesson"><h3>{link}</h3><p class="failed">✗ failed after {duration}</p>'
                f'<p><code>{esc(course.get("error", ""))}</code></p></div>')
    results = read_results(build, path)
    return (f'<div class="lesson"><h3>{link}</h3><p><span class="ok">✓ complete</span> '
            f'<span class="dim">· {duration} · {course.get("peak_memory_gib", 0):.1f} GiB of memory</span></p><p>{esc(results.get("headline", ""))}</p>'
            f"{_picture(build, path, nb, results)}</div>")


def _picture(build: Path, path: Path, nb, results: dict) -> str:
    file = build / notebooks.number(path) / (results.get("figure") or "")
    if not results.get("figure") or not file.is_file():
        return ""
    data = base64.b64encode(file.read_bytes()).decode()
    # the same picture was shown in the notebook, with its alt text
    alt = next((safety.alt_text(o) for c in notebooks.code_cells(nb) for o in c.outputs
                if "".join(o.get("data", {}).get("image/png", "").split()) == data), results.get("headline", ""))
    return f'<img alt="{esc(alt)}" src="data:image/png;base64,{data}">'


def _scoreboard(rows: list[dict]) -> str:
    if not rows:
        return '<p class="dim">No lesson has recorded a score in this profile yet.</p>'
    return _table(("Lesson", "Method", "Metric", "Score", "95 % interval", "n", "Model", "Cost and more"),
                  [(r["notebook"], r["method"], r["metric"], tables.value(r["value"]), tables.interval(r),
                    r.get("n", ""), r["model"], tables.cost(r)) for r in rows], numbers=(3, 4, 5), wide=(7,))


def _claims(rows: list[dict]) -> str:
    shown = [r for r in rows if r.get("verdict")]
    waiting = [r for r in rows if not r.get("verdict")]
    measured = _table(("Claim", "Source", "Measured", "Verdict", "Where"),
                      [(r["claim"], r["source"], r["measured"], tables.verdict(r),
                        f'{r["notebook"]}: {tables.measured_on(r)}') for r in shown], wide=(0, 2))
    rest = _table(("Claim", "Source", "Lesson"), [(r["claim"], r["source"], r["notebook"]) for r in waiting], wide=(0,))
    return ((measured if shown else '<p class="dim">No lesson has measured a claim in this profile yet.</p>')
            + f"<details><summary>{len(waiting)} claims not measured in this profile yet</summary>{rest}</details>")


def _table(head, rows, numbers=(), wide=()) -> str:
    def cell(i, x):
        kind = ' class="number"' if i in numbers else ' class="wide"' if i in wide else ""
        return f"<td{kind}>{esc(x)}</td>"

    lines = ["<tr>" + "".join(f"<th>{esc(h)}</th>" for h in head) + "</tr>"]
    lines += ["<tr>" + "".join(cell(i, x) for i, x in enumerate(row)) + "</tr>" for row in rows]
    return '<div class="scroll"><table>\n' + "\n".join(lines) + "\n</table></div>"


def esc(x) -> str:
    return html.escape(str(x), quote=True)


def write_notebook_page(notebook: Path, page: Path, title: str = "") -> None:
    """Convert one executed notebook. Pictures are embedded; scripts from other sites are left out."""
    nb = notebooks.read(notebook)
    exporter = HTMLExporter(template_name="lab", embed_images=True)
    exporter.require_js_url = exporter.jquery_url = exporter.mermaid_js_url = exporter.mermaid_layout_elk_js_url = ""
    if not any("$" in c.source for c in nb.cells if c.cell_type == "markdown"):
        exporter.mathjax_url = ""
    text, _ = exporter.from_notebook_node(nb, {"metadata": {"name": title or notebook.stem, "path": str(notebook.parent)}})
    notebooks.write_text(page, re.sub(r'<script src="">\s*</script>', "", text))
