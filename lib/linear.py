"""A logistic regression on vectors, in torch: the smallest classifier that can be trained on an encoder's output.

    model = fit(x, y)                 x (N, D) numbers, y (N,) of 0 and 1
    model.probability(x)              (N,) between 0 and 1
"""

from dataclasses import dataclass

import numpy as np
import torch


@dataclass
class Linear:
    """What was learned: one weight a feature, for features of mean 0 and deviation 1."""

    weights: np.ndarray
    bias: float
    mean: np.ndarray
    scale: np.ndarray

    def probability(self, x: np.ndarray) -> np.ndarray:
        """(N, D) → (N,): the probability of class 1."""
        return 1 / (1 + np.exp(-np.clip(((x - self.mean) / self.scale) @ self.weights + self.bias, -30, 30)))


def fit(x: np.ndarray, y: np.ndarray, l2: float = 1.0, steps: int = 60) -> Linear:
    """`fit(x, y)` → Linear. Both classes weigh the same; `l2` pulls the weights towards 0 (per example: l2 / N).

    The same numbers on every run: full batches (L-BFGS), no chance. Raises ValueError if a class is missing.
    """
    if len(set(np.asarray(y).tolist())) != 2:
        raise ValueError("examples of both classes are needed: y must hold 0 and 1.")
    mean, scale = x.mean(0), x.std(0) + 1e-6
    inputs, wanted = torch.tensor((x - mean) / scale, dtype=torch.float32), torch.tensor(np.asarray(y), dtype=torch.float32)
    balance = (wanted / wanted.mean() + (1 - wanted) / (1 - wanted).mean()) / 2
    weights, bias = torch.zeros(x.shape[1], requires_grad=True), torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights, bias], max_iter=steps, line_search_fn="strong_wolfe")

    def loss():
        optimizer.zero_grad()
        value = torch.nn.functional.binary_cross_entropy_with_logits(inputs @ weights + bias, wanted, weight=balance)
        value = value + l2 / len(wanted) * weights.square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    return Linear(weights.detach().numpy(), bias.item(), mean, scale)
