"""The command that counts trained networks and reads their selection weights."""

from __future__ import annotations

from pipeline.cli.app import DEFAULT_CONFIG, ConfigOption, Panel, app, example, print_paths


@app.command(rich_help_panel=Panel.REPORTS, epilog=example("networks --config config/study.yaml"))
def networks(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Count the trained networks of an experiment, and list how they weight their scales.

    Writes networks.csv and selection_weights.csv (Eq. 16, on every test image) to
    reports/EXPERIMENT/. All trainings must be finished.
    """
    from pipeline.compute.launch import gpus_held
    from pipeline.config.experiment import load_experiment

    experiment = load_experiment(config)
    compute = experiment.compute
    with gpus_held(compute, int(compute.device != "cpu")):
        # It loads torch, which must not see the GPUs of other jobs.
        from pipeline.stages.networks import make_networks

        print_paths(make_networks(experiment))
