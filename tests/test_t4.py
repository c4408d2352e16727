"""Does every training of the course fit on Colab's free GPU? Predicted by lib.memory; and the table forgets no notebook."""

import json
import re

from lib import memory, models
from lib.memory import GIB
from tools import notebooks, t4

STARTS_TRAINING = r"train\.sft\(|preference_training\.dpo\(|preference_family\.\w+\(|Trainer\("


def test_every_notebook_that_trains_is_counted():
    trains = {notebooks.number(path) for path in notebooks.paths()
              if re.search(STARTS_TRAINING, "\n".join(cell.source for cell in notebooks.code_cells(notebooks.read(path))))}
    assert trains == t4.TRAININGS.keys(), "correct TRAININGS of tools/t4.py"


def test_the_bound_is_above_what_autocast_takes():
    exact = memory.estimate(str(models.TINY), "lora", batch=8, length=100, dtype="fp32", amp=True, checkpointing=False).peak
    bound = t4.upper_bound(str(models.TINY), "lora", 8, 100, 16)
    assert exact <= bound <= 1.5 * exact


def test_every_training_fits_and_the_committed_file_says_so():
    found = t4.predictions()
    room = memory.usable(15) / GIB  # 15 GiB is what Colab's T4 shows; context and the allocator's reserve are taken off
    assert not {number: one for number, one in found.items() if one["gib"] > room}
    assert json.loads(t4.FILE.read_text(encoding="utf-8")) == found, "remedy: python -m tools.t4, then make readme"
    assert t4.predict("Qwen/Qwen2.5-7B-Instruct", "lora", 8, 16, "shorthand")[0] / GIB > room, "the bound refuses nothing"
