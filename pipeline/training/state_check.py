"""Whether a saved state can continue a training, found before any part of it is restored."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor

from pipeline.training.checkpoint import Snapshot, StateError
from pipeline.training.loop import CurvePoint, TrainState
from pipeline.training.train_step import TrainStep

_OF_PARAMETER = ("step", "exp_avg", "exp_avg_sq")
"""What Adam, AdamW and RAdam keep for each parameter."""

# The loop sets the first in every step; the other chooses an implementation for the device.
_FREE_OPTIONS = ("lr", "fused")


def check_snapshot(snapshot: Snapshot, train_step: TrainStep, total_ranks: int) -> None:
    """Compare a snapshot with the training that is to be restored from it.

    Args:
        snapshot: of the same fingerprint as the training.
        train_step: the training.
        total_ranks: number of its processes.

    Raises:
        StateError: a part is missing, or has another type or shape than the training would save.
    """
    average = train_step.average
    check_weights(snapshot, train_step)
    _like("scaler", snapshot.get("scaler"), train_step.scaler.state_dict())
    _like("average", snapshot.get("average"), average and average.state_dict())
    _check_optimizer(snapshot.get("optimizer"), train_step.optimizer)
    _check_rng_states(snapshot.get("rng_state"), total_ranks)
    _check_passes(snapshot.get("passes", []))
    _check_progress(snapshot.get("state"), train_step)


def check_weights(snapshot: Snapshot, train_step: TrainStep) -> None:
    """Compare only the network's weights, which a fork begins with.

    Raises:
        StateError: they are missing, or those of another network.
    """
    _like("network", snapshot.get("network"), train_step.network.state_dict())


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise StateError(f"{what} is missing or of another type or shape")


def _like(what: str, found: Any, wanted: Any) -> None:
    """Whether both have the same structure: keys, lengths, types, and shapes of tensors."""
    if isinstance(wanted, Tensor):
        _require(_is_tensor(found, wanted.shape, wanted.dtype), what)
    elif isinstance(wanted, Mapping):
        _require(isinstance(found, Mapping) and found.keys() == wanted.keys(), what)
        for key, value in wanted.items():
            _like(f"{what}.{key}", found[key], value)
    elif isinstance(wanted, list | tuple):
        _require(type(found) is type(wanted) and len(found) == len(wanted), what)
        for number, value in enumerate(wanted):
            _like(f"{what}.{number}", found[number], value)
    else:
        _require(type(found) is type(wanted), what)
        _require(not isinstance(found, float) or math.isfinite(found), what)


def _is_tensor(found: Any, shape: torch.Size | tuple[int, ...], dtype: torch.dtype) -> bool:
    plain = type(found) is Tensor and found.layout == torch.strided and found.device.type == "cpu"
    return plain and found.shape == shape and found.dtype == dtype and not found.requires_grad


def _check_optimizer(found: Any, optimizer: torch.optim.Optimizer) -> None:
    own = optimizer.state_dict()
    _require(isinstance(found, Mapping) and found.keys() == own.keys(), "optimizer")
    groups = found["param_groups"]
    _require(isinstance(groups, list) and all(isinstance(g, dict) for g in groups), "optimizer")
    fixed, wanted = ([_fixed(group) for group in of] for of in (groups, own["param_groups"]))
    _like("optimizer.param_groups", fixed, wanted)
    _require(fixed == wanted, "optimizer.param_groups")
    for group, mine in zip(groups, own["param_groups"], strict=True):
        _require(_is_finite(group.get("lr")), "optimizer.param_groups.lr")
        _like("optimizer.param_groups.fused", group.get("fused"), mine.get("fused"))
    parameters = [value for group in optimizer.param_groups for value in group["params"]]
    states = found["state"]
    _require(isinstance(states, Mapping), "optimizer.state")
    _require(states.keys() <= set(range(len(parameters))), "optimizer.state")
    for number, state in states.items():
        where, shape = f"optimizer.state.{number}", parameters[number].shape
        _require(isinstance(state, Mapping) and set(state) == set(_OF_PARAMETER), where)
        _require(_is_tensor(state["step"], (), torch.float32), where)
        for name in _OF_PARAMETER[1:]:
            _require(_is_tensor(state[name], shape, parameters[number].dtype), where)


def _fixed(group: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in group.items() if key not in _FREE_OPTIONS}


def _check_rng_states(found: Any, total_ranks: int) -> None:
    _require(isinstance(found, list) and len(found) >= 1, "rng_state")
    for state in found if len(found) == total_ranks else []:
        _require(isinstance(state, Mapping) and state.keys() == {"cpu", "cuda"}, "rng_state")
        _require(isinstance(state["cuda"], list), "rng_state.cuda")
        devices = state["cuda"] if torch.cuda.is_available() else []
        for generator, saved in [
            (torch.Generator(), state["cpu"]),
            *((torch.Generator("cuda"), device) for device in devices),
        ]:
            own = generator.get_state()
            _require(_is_tensor(saved, own.shape, own.dtype), "rng_state")
            try:
                generator.set_state(saved)
            except RuntimeError as error:
                raise StateError(f"rng_state: {error}") from error


def _check_passes(found: Any) -> None:
    """Older states have none; they are chosen anew."""
    _require(isinstance(found, list), "passes")
    for state in found:
        _require(isinstance(state, Mapping), "passes")
        _require(state.keys() == {"device", "limits", "used"}, "passes")
        _require(isinstance(state["device"], str), "passes.device")
        for name in ("limits", "used"):
            _require(isinstance(state[name], Mapping), f"passes.{name}")
            for kind, crops in state[name].items():
                _require(isinstance(kind, str) and type(crops) is int, f"passes.{name}")
                _require(crops >= 1, f"passes.{name}")


def _check_progress(found: Any, train_step: TrainStep) -> None:
    _require(isinstance(found, Mapping), "state")
    _require(found.keys() == {field.name for field in fields(TrainState)}, "state")
    curve = found["curve"]
    _require(isinstance(curve, list), "curve")
    for epoch, point in enumerate(curve, 1):
        _require(isinstance(point, Mapping), "curve")
        _require(point.keys() == {field.name for field in fields(CurvePoint)}, "curve")
        _require(type(point["epoch"]) is int and point["epoch"] == epoch, "curve.epoch")
        _require(type(point["samples"]) is int and point["samples"] >= 0, "curve.samples")
        _require(point["psnr"] is None or _is_finite(point["psnr"]), "curve.psnr")
        _require(_is_finite(point["loss"]) and _is_finite(point["learning_rate"]), "curve")
    _require(type(found["step"]) is int and found["step"] >= len(curve), "step")
    _require(_is_finite(found["loss_sum"]), "loss_sum")
    best = found["best_state"]
    _require(isinstance(best, Mapping) and type(found["best_epoch"]) is int, "best_epoch")
    _require(type(found["best_psnr"]) is float, "best_psnr")
    if best:
        _like("best_state", best, train_step.learned.state_dict())
        _require(1 <= found["best_epoch"] <= len(curve), "best_epoch")
        _require(_is_finite(found["best_psnr"]), "best_psnr")
    else:
        _require(found["best_epoch"] == -1 and found["best_psnr"] == -math.inf, "best_psnr")


def _is_finite(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)
