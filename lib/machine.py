"""What this computer can do, and which profile of the course fits it."""

import importlib.metadata
import platform
import shutil
from dataclasses import dataclass

import psutil
import torch
from packaging.requirements import Requirement

from lib.data import ROOT

GIB = 2**30


@dataclass(frozen=True)
class Machine:
    """Facts about the computer, in GiB where they are sizes."""

    python: str
    cpu_cores: int
    ram_gib: float
    free_ram_gib: float
    free_disk_gib: float
    gpu: str | None
    gpu_memory_gib: float
    gpu_bf16: bool

    def __str__(self) -> str:
        gpu = f"{self.gpu}, {self.gpu_memory_gib:.0f} GiB, bf16 {'yes' if self.gpu_bf16 else 'no'}" if self.gpu else "none"
        return (f"Python {self.python} · {self.cpu_cores} CPU cores · {self.ram_gib:.0f} GiB RAM "
                f"({self.free_ram_gib:.0f} free) · {self.free_disk_gib:.0f} GiB disk free · GPU: {gpu}")


def inspect() -> Machine:
    """Look at the computer this runs on."""
    memory, gpu = psutil.virtual_memory(), None
    gpu_memory, bf16 = 0.0, False
    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        gpu, gpu_memory = properties.name, properties.total_memory / GIB
        bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    elif torch.backends.mps.is_available():
        gpu, gpu_memory = "Apple MPS (shares the RAM)", memory.total / GIB
    return Machine(python=platform.python_version(), cpu_cores=psutil.cpu_count() or 1, ram_gib=memory.total / GIB,
                   free_ram_gib=memory.available / GIB, free_disk_gib=shutil.disk_usage(ROOT).free / GIB,
                   gpu=gpu, gpu_memory_gib=gpu_memory, gpu_bf16=bf16)


def suggest_profile(m: Machine) -> tuple[str, str]:
    """(profile, why). Rules, largest first: a big GPU, a 15 GiB GPU, a CPU with 6 GiB free, else ci."""
    if m.gpu_memory_gib >= 22 and m.gpu_bf16:
        return "gpu", f"{m.gpu} has {m.gpu_memory_gib:.0f} GiB and computes in bf16: billions of parameters fit."
    if m.gpu and not m.gpu.startswith("Apple") and m.gpu_memory_gib >= 14:
        return "colab_t4", f"{m.gpu} has {m.gpu_memory_gib:.0f} GiB: a 0.5B–1B model trains with LoRA in it."
    if m.free_ram_gib >= 6 and m.free_disk_gib >= 4:
        return "smol", "no large GPU, but 6 GiB of RAM and 4 GiB of disk are free: SmolLM2-135M trains on the CPU."
    return "ci", f"{m.free_ram_gib:.0f} GiB RAM and {m.free_disk_gib:.0f} GiB disk free: the tiny model needs 2 and 1."


def problems(m: Machine) -> list[str]:
    """What would make a lesson fail, each with its remedy; an empty list is good news."""
    found = []
    if tuple(int(part) for part in m.python.split(".")[:2]) < (3, 11):
        found.append(f"Python {m.python} is too old: install 3.11 or newer.")
    if m.free_ram_gib < 2:
        found.append(f"only {m.free_ram_gib:.1f} GiB RAM are free: close programs; the tiny model needs 2.")
    if m.free_disk_gib < 1:
        found.append(f"only {m.free_disk_gib:.1f} GiB disk are free: lessons write adapters and reports, free 1 GiB.")
    return found + version_problems()


def version_problems() -> list[str]:
    """Installed packages that differ from the pins of requirements.txt (never repaired behind your back)."""
    found = []
    for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines():
        pin = line.split("#")[0].strip()
        if "==" not in pin:
            continue
        requirement = Requirement(pin)
        if requirement.marker and not requirement.marker.evaluate():
            continue  # a package for another kind of computer
        name, wanted = requirement.name, str(requirement.specifier).removeprefix("==")
        try:
            have = importlib.metadata.version(name).split("+")[0]
        except importlib.metadata.PackageNotFoundError:
            found.append(f"{name} is missing: pip install -r requirements.txt")
            continue
        if have != wanted:
            found.append(f"{name} is {have}, the course was measured with {wanted}.")
    return found


def hardware() -> str:
    """Short name of what computes here, for captions: "2 CPU cores" or "NVIDIA H200"."""
    m = inspect()
    return m.gpu or f"{m.cpu_cores} CPU cores"
