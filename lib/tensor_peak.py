"""The largest number of bytes that tensors held at one moment of a real computation, on a CPU or a GPU.

    with TensorPeak() as count:
        train_two_steps()
    count.peak / 2**20      → MiB

On a GPU PyTorch counts for itself. On a CPU the memory of a process says little about a small model: libraries take
hundreds of MiB and freed memory is kept. So every operation is watched, and each storage that takes part (weights that
were there before, gradients, Adam's state, activations, caches) counts from its first use until its last tensor dies.
Watching slows the computation: measure two steps for memory and the whole run, unwatched, for time.
"""

import torch
from torch.utils._pytree import tree_leaves

from lib.memory_tracker import Counter


class TensorPeak(Counter):
    """A context; `peak` is in bytes. Nested use is not supported."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        for tensor in tree_leaves((args, kwargs or {})):
            if isinstance(tensor, torch.Tensor):
                self.add(tensor)  # what existed before the context is counted when it is first used
        result = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                self.add(tensor)
        return result

    def __enter__(self):
        self.cuda = torch.cuda.is_available()
        if self.cuda:
            torch.cuda.reset_peak_memory_stats()
            return self
        return super().__enter__()

    def __exit__(self, *error):
        return None if self.cuda else super().__exit__(*error)

    @property
    def peak(self) -> int:
        """Bytes of the largest moment."""
        return torch.cuda.max_memory_allocated() if self.cuda else max(self.peaks.values(), default=0)
