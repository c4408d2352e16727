"""One training as a run of MLflow: what lib.tracking hangs into every trainer."""

import time

import mlflow
from transformers.integrations import MLflowCallback


class LessonRun(MLflowCallback):
    """transformers' callback, for many trainings in one process: one that an error cut off does not swallow the next."""

    unfinished = ""  # id of the run that the latest training of this process opened

    def setup(self, args, state, model):
        active = mlflow.active_run()
        if active and active.info.run_id == LessonRun.unfinished:
            mlflow.end_run("KILLED")
        args.run_name = args.run_name or f"{type(args).__name__.removesuffix('Config')} {time.strftime('%H:%M:%S')}"
        super().setup(args, state, model)
        mlflow.flush_async_logging()
        self._async_log = False  # a kernel that is shut down takes unsent values with it
        if state.is_world_process_zero:
            LessonRun.unfinished = mlflow.active_run().info.run_id
            mlflow.log_params(what_is_trained(model))

    def __del__(self):
        """transformers ends the active run here, when Python clears a trainer away: by then it may be the next one's."""


def what_is_trained(model) -> dict:
    """`{"trainable": 72704, "adapter": "LORA", "adapter_r": 4, …}`: in it runs differ that the trainer's settings call equal."""
    found = {"trainable": sum(p.numel() for p in model.parameters() if p.requires_grad)}
    config = getattr(model, "peft_config", {}).get("default")
    if config is None:
        return found
    numbers = {f"adapter_{k}": v for k, v in config.to_dict().items() if isinstance(v, int | float) and not isinstance(v, bool)}
    return found | {"adapter": config.peft_type.value} | numbers
