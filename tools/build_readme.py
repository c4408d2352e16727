"""Fill the generated tables of README.md: `python -m tools.build_readme` (or `make readme`); `--check` only compares.

Writes also data/claims/S0.md to S4.md, one page an article: what held, what did not. The numbers come from the metadata of the committed notebooks (tools/render.py), never from a keyboard.
A block lies between `<!-- begin NAME -->` and `<!-- end NAME -->`.
"""

import argparse
import json
import re
import sys
from pathlib import Path

from tools import notebooks, setup_cell, tables


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Fill the generated tables of README.md.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a table is not current")
    parser.add_argument("--root", type=Path, default=notebooks.ROOT, help="the repository (default: this one)")
    args = parser.parse_args(argv)
    made = files(args.root)
    stale = [path for path, text in made.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        name = path.relative_to(args.root)
        if args.check:
            print(f"{name}: a generated table is not current. Remedy: make readme")
        else:
            path.parent.mkdir(exist_ok=True)
            notebooks.write_text(path, made[path])
            print(f"{name} is updated.")
    return int(args.check and bool(stale))


def files(root: Path) -> dict[Path, str]:
    """Every generated file and the text that it must have."""
    readme = root / "README.md"
    texts = {readme: fill(readme.read_text(encoding="utf-8"), blocks(root))}
    rows = tables.claims(tables.ledger(root), records(root))
    return texts | {root / "data" / "claims" / f"{source}.md": source_page(root, source, rows) for source in tables.SOURCES}


def records(root: Path) -> list[dict]:
    """What the committed notebooks recorded."""
    found = [notebooks.read(p).metadata.get("course", {}).get("results") for p in notebooks.paths(root)]
    return [r for r in found if r]


def blocks(root: Path) -> dict[str, str]:
    """The text of each block, by name."""
    paths = notebooks.paths(root)
    metadata = {p: notebooks.read(p).metadata.get("course", {}) for p in paths}
    found = records(root)
    return {"lessons": lessons(metadata, t4_memory(root)), "scoreboard": scoreboard(found), "claims": claims(root, found)}


def fill(text: str, generated: dict[str, str]) -> str:
    """Replace every block. Raises ValueError when a marker is missing, so that no table is lost silently."""
    for name, body in generated.items():
        pattern = re.compile(rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)", re.DOTALL)
        text, count = pattern.subn(lambda m, body=body: f"{m[1]}{body}\n{m[2]}", text)
        if count != 1:
            raise ValueError(f"README.md: {count} blocks named {name}; write <!-- begin {name} --> … <!-- end {name} --> once")
    return text


BADGE = "![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)"


def t4_memory(root: Path) -> dict[str, dict]:
    """What tools/t4.py has predicted, or {}."""
    file = root / "profiles" / "colab_t4_memory.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def lessons(metadata: dict[Path, dict], t4: dict[str, dict]) -> str:
    rows = []
    for path, course in metadata.items():
        name = f"[{notebooks.title(notebooks.read(path))}](notebooks/{path.name})"
        cost = f"{course['minutes']:g} min, {course['peak_memory_gib']:g} GiB" if course else ""
        colab = f"[{BADGE}](https://colab.research.google.com/github/{setup_cell.REPOSITORY.split('/', 3)[3]}/blob/main/notebooks/{path.name})"
        memory = f"{t4[notebooks.number(path)]['gib']:g} GiB" if notebooks.number(path) in t4 else "–"
        rows.append((notebooks.number(path), name, (course.get("results", {}).get("headline") or "not run yet").removesuffix("."), cost,
                     course.get("hardware", ""), colab, memory))
    return table(("", "Lesson", "What the committed run showed", "Cost", "Run on", "Colab", "T4, at most"), rows)


def scoreboard(records: list[dict]) -> str:
    rows = [(r["notebook"], r["method"], r["metric"], tables.value(r["value"]), tables.interval(r), r.get("n", ""),
             r["model"], tables.cost(r)) for r in tables.scores(records)]
    if not rows:
        return "No lesson has recorded a score yet."
    return table(("Lesson", "Method", "Metric", "Score", "95 % interval", "n", "Model", "Cost and more"), rows)


def claims(root: Path, records: list[dict]) -> str:
    rows = tables.claims(tables.ledger(root), records)
    measured = [(r["claim"], r["source"], r["measured"], f"**{tables.verdict(r)}**",
                 f"{r['notebook']}: {tables.measured_on(r)}") for r in rows if r.get("verdict")]
    waiting = [(r["claim"], r["source"], r["notebook"]) for r in rows if not r.get("verdict")]
    parts = [f"{len(measured)} of {len(rows)} claims are measured{' so far' if waiting else ''}."]
    if measured:
        parts.append(table(("Claim", "Source", "Measured", "Verdict", "Lesson, model"), measured))
    if waiting:
        parts.append(f"<details><summary>The {len(waiting)} claims still to be measured</summary>\n\n"
                     + table(("Claim", "Source", "Lesson"), waiting) + "\n\n</details>")
    return "\n\n".join(parts)


def source_page(root: Path, source: str, rows: list[dict]) -> str:
    """One article: its statements by verdict, each with the rule that was stated before the measurement."""
    own = [r for r in rows if source in r["source"].split(", ")]
    links = {notebooks.number(p): f"[{notebooks.number(p)}](../../notebooks/{p.name})" for p in notebooks.paths(root)}
    parts = [f"# {source}: {tables.SOURCES[source]}", "Generated by `make readme` from what the committed notebooks recorded. A verdict counts for the "
             "model and the data it names.", counts(own)]
    for verdict, mark in tables.VERDICT_MARKS.items():
        judged = [r for r in own if r.get("verdict") == verdict]
        if judged:
            lines = [(r["claim"], r["rule"], r["measured"], f"{links.get(r['notebook'], r['notebook'])}: {tables.measured_on(r)}") for r in judged]
            parts += [f"## {mark} {verdict.capitalize()}", table(("The article says", "The rule", "Measured", "Lesson, model"), lines)]
    waiting = [(r["claim"], r["notebook"]) for r in own if not r.get("verdict")]
    if waiting:
        parts += ["## Not measured yet", table(("The article says", "Lesson"), waiting)]
    return "\n\n".join(parts) + "\n"


def counts(rows: list[dict]) -> str:
    """`"Of 14 statements 5 ✓ hold, …"` as a line."""
    found = [(mark, verdict, sum(r.get("verdict") == verdict for r in rows)) for verdict, mark in tables.VERDICT_MARKS.items()]
    waiting = sum(not r.get("verdict") for r in rows)
    said = [f"{mark} {verdict}: {n}" for mark, verdict, n in found if n] + ([f"not measured yet: {waiting}"] if waiting else [])
    return f"{len(rows)} statements. " + " · ".join(said)


def table(head, rows) -> str:
    def line(cells):
        return "| " + " | ".join(" ".join(str(c).replace("|", "\\|").split()) for c in cells) + " |"

    return "\n".join([line(head), "|" + " --- |" * len(head), *map(line, rows)])


if __name__ == "__main__":
    sys.exit(main())
