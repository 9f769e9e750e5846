"""The block `qualitative` of an experiment file: what Figures 4 and 5 show, instead of by rule."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from pipeline.config.blocks import Listed, Strict

Corner = Listed[tuple[Annotated[int, Field(ge=0, le=2**16)], Annotated[int, Field(ge=0, le=2**16)]]]
"""Top and left of a box, in pixels."""

SceneName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]


class RequestedScene(Strict):
    """A test scene, as `per_image.csv` names it, and where its boxes are; default: by rule."""

    scene: SceneName
    yellow: Corner | None = None
    blue: Corner | None = None


class Qualitative(Strict):
    """Choices that replace the rules of Figures 4 and 5.

    `scenes`: scenes of Figure 4; the first is also that of Figure 5. `crop`: side of the boxes, in
    pixels. `network`: method or ablation of Figure 5. `docs/figures.md` has the rules.
    """

    scenes: Listed[tuple[RequestedScene, ...]] = Field(default=(), max_length=8)
    crop: int | None = Field(default=None, ge=4, le=2048)
    network: str | None = None

    @field_validator("scenes")
    @classmethod
    def _each_once(cls, scenes: tuple[RequestedScene, ...]) -> tuple[RequestedScene, ...]:
        if len({one.scene for one in scenes}) < len(scenes):
            raise ValueError("a scene is named twice")
        return scenes
