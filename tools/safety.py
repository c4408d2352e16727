"""What must never be committed in a notebook: secrets, local paths, widget state, changing addresses."""

import re

from tools.notebooks import code_cells

LOCAL_PATH = re.compile(r"(?<![\w./:-])(?:/home/|/root/|/Users/|/tmp/|/private/var/|/content/|/work/|[A-Za-z]:\\\\?[A-Za-z])[\w.\\/-]*")
SECRETS = {
    "Hugging Face token": re.compile(r"\bhf_[A-Za-z0-9]{20,}"),
    "AWS access key": re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    "AWS secret key": re.compile(r"(?i)aws_secret_access_key\W{1,4}[A-Za-z0-9/+]{40}"),
    "GitHub token": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{30,})"),
    "API key": re.compile(r"\bsk-[A-Za-z0-9_-]{20,}"),
    "Slack token": re.compile(r"\bxox[abpr]-[A-Za-z0-9-]{10,}"),
    "private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "JSON web token": re.compile(r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"),
}
ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]{6,}")


def problems(nb) -> list[str]:
    """`[]`, or lines such as `cell 7, output: local path '/home/ann/x'`; the value of a secret is not repeated."""
    found = ["widget metadata: GitHub answers with “Invalid Notebook”"] if "widgets" in nb.metadata else []
    for index, cell in enumerate(nb.cells):
        found += [f"cell {index}, source: {what}" for what in text_problems(cell.source)]
    for index, cell in enumerate(nb.cells):
        if cell.cell_type != "code":
            continue
        for output in cell.outputs:
            found += [f"cell {index}, output: {what}" for what in _output_problems(output)]
    return found


def text_problems(text: str) -> list[str]:
    found = [f"{name} (remove it, and revoke it)" for name, pattern in SECRETS.items() if pattern.search(text)]
    return found + [f"local path {match!r}" for match in sorted(set(LOCAL_PATH.findall(text)))]


def _output_problems(output) -> list[str]:
    data = output.get("data", {})
    found = ["a widget: print plain text instead"] if any("widget" in mime for mime in data) else []
    if output.output_type == "error":
        found.append(f"an error was left in: {output.ename}")
    if any(mime.startswith("image/") for mime in data) and not alt_text(output):
        found.append("an image without alt text: show it with lib.plots.show")
    text = output_text(output)
    if ADDRESS.search(text):
        found.append("a memory address, which changes in every run: print something else")
    return found + text_problems(text)


def alt_text(output) -> str:
    """The alt text of an image output, or ""."""
    return next((m["alt"] for m in output.get("metadata", {}).values() if isinstance(m, dict) and m.get("alt")), "")


def output_text(output) -> str:
    """All text of one output; images are left out."""
    data = [v for mime, v in output.get("data", {}).items() if not mime.startswith("image/")]
    parts = [output.get("text", ""), output.get("evalue", ""), *output.get("traceback", []), *data]
    return "\n".join(part if isinstance(part, str) else str(part) for part in parts)


def share_with_output(nb) -> float:
    """0.9 when nine of ten code cells (setup and parameters left out) show something."""
    cells = [c for c in code_cells(nb) if not {"setup", "parameters"} & set(c.metadata.get("tags", []))]
    return sum(bool(c.outputs) for c in cells) / max(1, len(cells))
