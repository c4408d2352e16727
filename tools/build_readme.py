"""Fill the generated tables of README.md: `python -m tools.build_readme` (or `make readme`); `--check` only compares.

The numbers come from the metadata of the committed notebooks (tools/render.py), never from a keyboard.
A block lies between `<!-- begin NAME -->` and `<!-- end NAME -->`.
"""

import argparse
import re
import sys
from pathlib import Path

from tools import notebooks, tables


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Fill the generated tables of README.md.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a table is not current")
    parser.add_argument("--root", type=Path, default=notebooks.ROOT, help="the repository (default: this one)")
    args = parser.parse_args(argv)
    readme = args.root / "README.md"
    old = readme.read_text(encoding="utf-8")
    new = fill(old, blocks(args.root))
    if args.check:
        if new != old:
            print("README.md: a generated table is not current. Remedy: make readme")
        return int(new != old)
    notebooks.write_text(readme, new)
    print("README.md is current." if new == old else "README.md is updated.")
    return 0


def blocks(root: Path) -> dict[str, str]:
    """The text of each block, by name."""
    paths = notebooks.paths(root)
    metadata = {p: notebooks.read(p).metadata.get("course", {}) for p in paths}
    records = [m["results"] for m in metadata.values() if m.get("results")]
    return {"lessons": lessons(metadata), "scoreboard": scoreboard(records), "claims": claims(root, records)}


def fill(text: str, generated: dict[str, str]) -> str:
    """Replace every block. Raises ValueError when a marker is missing, so that no table is lost silently."""
    for name, body in generated.items():
        pattern = re.compile(rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)", re.DOTALL)
        text, count = pattern.subn(lambda m, body=body: f"{m[1]}{body}\n{m[2]}", text)
        if count != 1:
            raise ValueError(f"README.md: {count} blocks named {name}; write <!-- begin {name} --> … <!-- end {name} --> once")
    return text


def lessons(metadata: dict[Path, dict]) -> str:
    rows = []
    for path, course in metadata.items():
        name = f"[{notebooks.title(notebooks.read(path))}](notebooks/{path.name})"
        cost = f"{course['minutes']:g} min, {course['peak_memory_gib']:g} GiB" if course else ""
        rows.append((notebooks.number(path), name, course.get("results", {}).get("headline") or "not run yet", cost,
                     course.get("hardware", "")))
    return table(("", "Lesson", "What the committed run showed", "Cost", "Run on"), rows)


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
    parts = [f"{len(measured)} of {len(rows)} claims are measured so far."]
    if measured:
        parts.append(table(("Claim", "Source", "Measured", "Verdict", "Lesson, model"), measured))
    if waiting:
        parts.append(f"<details><summary>The {len(waiting)} claims still to be measured</summary>\n\n"
                     + table(("Claim", "Source", "Lesson"), waiting) + "\n\n</details>")
    return "\n\n".join(parts)


def table(head, rows) -> str:
    def line(cells):
        return "| " + " | ".join(" ".join(str(c).replace("|", "\\|").split()) for c in cells) + " |"

    return "\n".join([line(head), "|" + " --- |" * len(head), *map(line, rows)])


if __name__ == "__main__":
    sys.exit(main())
