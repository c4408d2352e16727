"""One palette for the whole course, and one way to show a figure: with alt text, and saved."""

import io
from pathlib import Path

import matplotlib.pyplot as plt
from IPython.display import Image, display

# Okabe–Ito: readable with the common forms of colour blindness. One method keeps one colour everywhere.
COLOURS = {
    "base": "#7F7F7F", "few-shot": "#56B4E9", "LoRA": "#0072B2", "full": "#D55E00", "QLoRA": "#009E73",
    "DPO": "#CC79A7", "prefix": "#E69F00", "from scratch": "#000000", "noise": "#F0E442",
}
plt.rcParams.update({"figure.figsize": (7, 3.6), "figure.dpi": 110, "axes.spines.top": False, "font.size": 10,
                     "axes.spines.right": False, "axes.grid": True, "grid.alpha": 0.25, "legend.frameon": False})


def show(figure, alt: str, save=None) -> None:
    """Display the figure as PNG with its alt text; `save` also writes it to that file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight", metadata={"Software": None})
    plt.close(figure)
    if save:
        Path(save).write_bytes(buffer.getvalue())
    display(Image(buffer.getvalue()), metadata={"image/png": {"alt": alt}})


def bars(axis, names, scores, colours=None) -> None:
    """One bar a method with its 95 % interval; `scores` are evaluate.Score."""
    values = [100 * s.value for s in scores]
    errors = [[100 * (s.value - s.low) for s in scores], [100 * (s.high - s.value) for s in scores]]
    colours = colours or [COLOURS.get(name, "#0072B2") for name in names]
    axis.bar(names, values, yerr=errors, capsize=4, color=colours, width=0.6)
    for i, value in enumerate(values):
        axis.text(i + 0.05, value + 1, f"{value:.0f}", ha="left", va="bottom", fontsize=9)
    axis.set_ylim(0, 108)


def band(axis, x, scores, label: str, colour: str, marker: str = "o") -> None:
    """A line through scores with a band for the interval; x may be logarithmic."""
    axis.plot(x, [100 * s.value for s in scores], marker=marker, label=label, color=colour)
    axis.fill_between(x, [100 * s.low for s in scores], [100 * s.high for s in scores], alpha=0.15, color=colour)
