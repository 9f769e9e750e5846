"""The tables of a study that follow from the scores of its images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from pipeline.audit.claims import Claim
from pipeline.config.experiment import Experiment
from pipeline.study.collecting import methods_of_study
from pipeline.study.comparing import compared, differences_frame
from pipeline.study.folder import CLAIMS_FILE, DIFFERENCES_FILE, PAIRS_FILE
from pipeline.study.pairs import claim_of, claims_of_study, pairs_of_study, study_of
from pipeline.study.verdicts import claim_frame


def tables_of(
    experiment: Experiment,
    scores: pd.DataFrame,
    claims: Sequence[Claim],
    published: Mapping[str, pd.DataFrame],
) -> dict[str, pd.DataFrame]:
    """Single differences, tested pairs and verdicts on claims, by name of the file.

    Args:
        experiment: has a study.
        scores: as `pipeline.study.collecting.scores_frame` returns them.
        claims: of the paper.
        published: the paper's tables, `t1` and `t2`.

    Raises:
        ConfigError: the study names a claim that is unknown, or that compares nothing in combined
            PSNR.
        RecordError: two methods have fewer than three seeds in common, or were scored on different
            images.
    """
    study = study_of(experiment)
    judged = claims_of_study(experiment, claims, published)
    described = [] if study.selection is None else [claim_of(study.selection, claims)]
    rows = {name: experiment.entry(name).row for name in methods_of_study(experiment)}
    chosen = pairs_of_study(experiment, judged)
    differences = differences_frame(chosen, scores)
    pairs = compared(chosen, differences, study.margin)
    return {
        DIFFERENCES_FILE: differences,
        PAIRS_FILE: pairs,
        CLAIMS_FILE: claim_frame(judged, pairs, rows, described),
    }
