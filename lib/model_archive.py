"""A model's folder as the model.tar.gz that lessons 14 and 15 deploy: the same folder always gives the same bytes.

    write("build/model.tar.gz", "build/mine/dpo/model")        → its sha256; inside lie base/ and code/inference.py
"""

import gzip
import hashlib
import tarfile
from pathlib import Path

from lib import sagemaker_inference
from lib.data import replacing


def write(path, model_folder) -> str:
    """`write("model.tar.gz", "build/model")` → 64 hex digits. Raises FileNotFoundError for a folder without config.json.

    No times, no owners, a fixed order: only then can a fingerprint say that two releases are the same.
    """
    path, model_folder = Path(path), Path(model_folder)
    if not (model_folder / "config.json").is_file():
        raise FileNotFoundError(f"{model_folder}: no config.json in this folder. Give the folder of a saved model.")
    members = [(f"base/{f.relative_to(model_folder).as_posix()}", f) for f in sorted(model_folder.rglob("*")) if f.is_file()]
    with replacing(path.with_suffix(".raw")) as raw:  # gzip is done here: `replacing` would do it for .gz, at its slowest level
        with gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=1, mtime=0) as packed, tarfile.open(fileobj=packed, mode="w|") as archive:
            for name, file in [*members, ("code/inference.py", Path(sagemaker_inference.__file__))]:
                entry = tarfile.TarInfo(name)
                entry.size = file.stat().st_size
                with file.open("rb") as opened:  # the file and not a link to it: Hub caches are links
                    archive.addfile(entry, opened)
    path.with_suffix(".raw").replace(path)
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
