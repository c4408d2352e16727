"""Every link of the repository's pages and notebooks: files and headings exist, web addresses are well formed (none is visited)."""

import re
from collections import Counter
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tools import notebooks, setup_cell

ROOT = notebooks.ROOT
MADE_OR_FOREIGN = {".venv", "models", "build", ".git", ".pytest_cache", ".ruff_cache", ".ipynb_checkpoints"}
PAGES = sorted(p for p in ROOT.rglob("*.md") if not MADE_OR_FOREIGN & set(p.relative_to(ROOT).parts))


def markdown(path: Path) -> str:
    if path.suffix == ".ipynb":
        return "\n\n".join(c.source for c in notebooks.read(path).cells if c.cell_type == "markdown")
    return path.read_text(encoding="utf-8")


def without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", lambda m: "x" * len(m[0]), re.sub(r"```.*?```", "", text, flags=re.DOTALL))


def links(text: str) -> list[str]:
    """`"a [b](c.md#d) <https://e>"` → ["c.md#d", "https://e"]."""
    plain = without_code(text)
    return re.findall(r"\]\(\s*([^)\s]+)[^)]*\)", plain) + re.findall(r"<((?:https?|mailto):[^>\s]+)>", plain) + re.findall(r"""(?:href|src)=["']([^"']+)""", plain)


def anchors(path: Path) -> set[str]:
    """The names under which GitHub and Jupyter know the headings: `## A: *b* c` → {"a-b-c", "A:-b-c"}."""
    found, seen = set(), Counter()
    for heading in re.findall(r"^#{1,6}\s+(.+?)\s*#*$", re.sub(r"```.*?```", "", markdown(path), flags=re.DOTALL), re.MULTILINE):
        plain = re.sub(r"[*`]|\[([^]]*)\]\([^)]*\)", r"\1", heading)
        github = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        found |= {f"{github}-{seen[github]}" if seen[github] else github, plain.replace(" ", "-")}  # GitHub numbers a heading that comes again
        seen[github] += 1
    return found


def problems(path: Path) -> list[str]:
    found = []
    for link in links(markdown(path)):
        parts = urlsplit(link)
        if parts.scheme in ("http", "https"):
            host = re.fullmatch(r"(localhost|127\.0\.0\.1|[a-zA-Z0-9-]+(\.[a-zA-Z0-9-]+)+)(:\d+)?", parts.netloc)
            found += [] if host and "//" not in parts.path else [f"not an address: {link}"]
            continue
        if parts.scheme:
            found += [] if parts.scheme == "mailto" else [f"an unknown kind of link: {link}"]
            continue
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        if not target.exists():
            found.append(f"no such file: {link}")
        elif ROOT not in (target, *target.parents):
            found.append(f"leads out of the repository: {link}")
        elif parts.fragment and target.suffix in (".md", ".ipynb") and unquote(parts.fragment) not in anchors(target):
            found.append(f"no such heading: {link}")
    return found


@pytest.mark.parametrize("pages", [PAGES, notebooks.paths()], ids=["pages", "notebooks"])
def test_every_link_leads_somewhere(pages):
    assert {p.name for p in PAGES} >= {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "S0.md"}
    assert not {str(p.relative_to(ROOT)): found for p in pages if (found := problems(p))}


def test_every_notebook_has_its_badge():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    repository = setup_cell.REPOSITORY.removeprefix("https://github.com/")
    for path in notebooks.paths():
        assert f"https://colab.research.google.com/github/{repository}/blob/main/notebooks/{path.name}" in text, "remedy: make readme"


def test_the_search_finds_each_kind_of_dead_link(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    (tmp_path / "b.md").write_text("# One: `two`\n\n```\n# not a heading\n```\n")
    page = tmp_path / "a.md"
    page.write_text("# A\n[x](gone.md) [y](b.md#three) [z](b.md#not-a-heading) [o](../..) <https://nohost> [f](file:///etc) "
                    "[ok](b.md#one-two) [ok](#a) `[code](gone2.md)` [ok](https://example.org/a)")
    assert [p.split(": ")[0] for p in problems(page)] == ["no such file", "no such heading", "no such heading", "leads out of the repository",
                                                          "an unknown kind of link", "not an address"]


def test_make_lab_opens_on_the_first_lesson():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    opened = re.search(r"^lab: venv\n\t@.*default_url=/lab/tree/(\S+)", makefile, re.MULTILINE)
    assert opened and (ROOT / opened[1]) == notebooks.paths()[0]
