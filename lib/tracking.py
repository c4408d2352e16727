"""Every training of a notebook in MLflow, without a line in the lesson: loss curves and settings of many runs side by side.

    make course ONLY=06 FORCE=1 TRACK=sqlite:///build/mlflow.db     one experiment a notebook, one run a training
    make mlflow                                                     look at them in the browser

In a notebook that you run yourself, one line after the setup cell does the same:

    from lib import tracking; tracking.start()

What passes through a trainer of transformers or TRL is logged: SFT, DPO and the other methods. Loops written by hand and
the jobs of the local SageMaker (whose environment is theirs alone) are not. Nothing is logged unless it is asked for, and
nothing leaves this machine unless the address is a server's.
"""

import logging
import os
from pathlib import Path

from lib.data import ROOT

HERE = "sqlite:///build/mlflow.db"


def start(address: str = "", experiment: str = "") -> str:
    """`start()` → "sqlite:////…/course/build/mlflow.db": trainings from here on are logged there.

    Without arguments MLFLOW_TRACKING_URI and MLFLOW_EXPERIMENT_NAME are read; the experiment is else named after the
    notebook, where Jupyter tells its name. Calling it twice logs once.
    """
    # here and not above: they load for seconds, and make course needs only the address
    import mlflow
    from transformers.trainer import DEFAULT_CALLBACKS

    from lib.tracking_run import LessonRun

    address = full_address(address or os.environ.get("MLFLOW_TRACKING_URI") or HERE)
    notebook = Path(os.environ.get("JPY_SESSION_NAME", "course.ipynb")).stem
    os.environ["MLFLOW_EXPERIMENT_NAME"] = experiment or os.environ.get("MLFLOW_EXPERIMENT_NAME") or notebook
    os.environ["MLFLOW_TRACKING_URI"] = address
    mlflow.set_tracking_uri(address)
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)  # a new store announces each of its tables
    # the list that every Trainer begins with; `Trainer.add_callback` would ask for a line in each lesson
    if LessonRun not in DEFAULT_CALLBACKS:
        DEFAULT_CALLBACKS.append(LessonRun)
    return address


def full_address(address: str, root: Path = ROOT) -> str:
    """`"sqlite:///build/mlflow.db"` → "sqlite:////…/course/build/mlflow.db", wherever the notebook runs.

    The address of a server is returned as it is. Raises ValueError for anything else.
    """
    kind, separator, place = address.partition("://")
    if kind != "sqlite":
        if separator and kind.isalpha() and kind != "file" or address.startswith("arn:"):
            return address
        raise ValueError(f"tracking address {address!r}: write {HERE}, or a server such as http://localhost:5000")
    file = Path(root, place[1:])
    if not place.startswith("/") or file.is_dir():
        raise ValueError(f"tracking address {address!r} names no file: write {HERE}")
    file.parent.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{file.as_posix()}"
