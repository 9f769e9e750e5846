"""The records that a table may show: each with its chain checked."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.chain.complexity import judge_complexity
from pipeline.chain.experiment import Chain
from pipeline.chain.report_rows import counted, given, results_of
from pipeline.chain.results import judge_result
from pipeline.config.experiment import Experiment
from pipeline.places import Places
from pipeline.records import ComplexityRecord, ResultRecord, read_record
from pipeline.run import Run


@dataclass(frozen=True)
class Shown:
    """What a table of one experiment shows.

    `stale`: names of the methods whose records were made by other code than that of today.
    `folders`: names of the result folders, all of which were checked.
    """

    experiment: str
    results: list[ResultRecord]
    sizes: list[ComplexityRecord]
    stale: frozenset[str]
    folders: frozenset[str] = frozenset()


def shown_records(experiment: Experiment, methods: list[str], chain: Chain | None = None) -> Shown:
    """The results and sizes of these methods, each checked back to data and code.

    A method that has not been evaluated yet is left out. So is one that the experiment does not
    run, unless there is a result with given weights.

    Args:
        experiment: what was requested.
        methods: names of methods and ablations.
        chain: of the experiment, if something in it has been judged already.

    Raises:
        RecordError: a result is foreign or broken; the message names the file and the remedy.
    """
    chain, places = chain or Chain(experiment), Places.of(experiment)
    results: list[ResultRecord] = []
    sizes: list[ComplexityRecord] = []
    stale, folders = set[str](), set[str]()
    for name, path in results_of(experiment, methods).items():
        if not path.exists():
            continue
        links = (f"data {places.dataset}", name.replace("evaluate", "train", 1), name)
        standings = [chain.standing(link) for link in links if link in chain.artifacts]
        for standing in standings:
            standing.require()
        record = read_record(path, ResultRecord)
        results.append(record)
        folders.add(path.parent.name)
        stale |= {record.method for standing in standings if standing.state == "stale"}
    for method, path in given(experiment, methods).items():
        standing = judge_result(Run.of(experiment, method), places, given=True)
        standing.require()
        results.append(read_record(path, ResultRecord))
        folders.add(path.parent.name)
        stale |= {method} if standing.state == "stale" else set()
    for method in counted(experiment, methods):
        standing = judge_complexity(experiment, method)
        if standing.state != "missing":
            standing.require()
            stale |= {method} if standing.state == "stale" else set()
            sizes.append(read_record(Places.complexity(method), ComplexityRecord))
    return Shown(experiment.name, results, sizes, frozenset(stale), frozenset(folders))
