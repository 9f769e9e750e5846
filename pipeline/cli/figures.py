"""Commands for Figures 4 and 5: one that applies networks, and one that draws."""

from __future__ import annotations

from pipeline.cli.app import DEFAULT_CONFIG, ConfigOption, Panel, app, example, print_paths


@app.command(rich_help_panel=Panel.REPORTS, epilog=example("qualitative"))
def qualitative(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Let every method deblur a few test scenes again, for Figures 4 and 5.

    Writes images, error maps and PSNR of boxes (figure4.csv, figure4.npz), and selection weights
    and features of the scales of one network (figure5.csv, figure5.npz) to reports/EXPERIMENT/.
    Scores choose the scenes, unless the experiment file names them.
    """
    from pipeline.compute.launch import gpus_held
    from pipeline.config.experiment import load_experiment

    experiment = load_experiment(config)
    compute = experiment.compute
    with gpus_held(compute, int(compute.device != "cpu")):
        # It loads torch, which must not see the GPUs of other jobs.
        from pipeline.stages.qualitative import make_qualitative

        print_paths(make_qualitative(experiment))


@app.command(rich_help_panel=Panel.REPORTS, epilog=example("figures --config config/study.yaml"))
def figures(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Draw Figures 4 and 5 from the files that `dmtbench qualitative` wrote."""
    from pipeline.config.experiment import load_experiment
    from pipeline.stages.figures import make_figures

    print_paths(make_figures(load_experiment(config)))
