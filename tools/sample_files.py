"""What every builder of sample files does at its command line: write them, or check the committed ones.

    sys.exit(sample_files.main("tools.build_formats", FOLDER, build()))
"""

import argparse
from pathlib import Path

from lib import data


def main(module: str, folder: Path, files: dict[str, str], argv: list[str] | None = None) -> int:
    """Write `files` (name → text) into the folder; with --check write nothing and return 1 if one differs."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=f"Build {folder.parent.name}/{folder.name}.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a committed file differs")
    check = parser.parse_args(argv).check
    differing = []
    for name, text in files.items():
        path = folder / name
        same = path.is_file() and path.read_bytes() == text.encode()
        if not same and check:
            differing.append(name)
        elif not same:
            data.write_text(path, text)
        print(f"{name}: {len(text.splitlines())} rows, {'same' if same else 'differs' if check else 'written'}")
    if differing:
        print(f"{', '.join(differing)}: not what this script builds. Remedy: python -m {module}")
    return int(bool(differing))
