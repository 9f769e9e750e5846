# The DAG. Every rule passes paths and scalars to one `dmtbench` command; all logic is in pipeline/.
from pipeline.workflow.content import Content
from pipeline.workflow.experiment import load_workflow
from pipeline.workflow.owner import sign_lock
from pipeline.workflow.pass_on import pass_on_sigterm
from pipeline.workflow.priorities import Priorities
from pipeline.workflow.resources import JobResources


configfile: "config/demo.yaml"


bench = load_workflow(workflow.configfiles, workflow.config_settings.config)
# Rules have the experiment file as a resource, not as a parameter, and `content` finds their
# inputs: what is made again follows from records and checksums.
content = Content(workflow, bench)
jobs = JobResources(workflow, bench)
first = Priorities(bench)
pass_on_sigterm(workflow)


# Only a run that works locks the folder; `dmtbench run` asks the note whether its owner is alive.
onstart:
    sign_lock()


wildcard_constraints:
    dataset="|".join(bench.datasets),
    method="|".join([*bench.experiment.methods, *bench.experiment.ablations]),
    repetition="[0-9]+",


include: "pipeline/rules/data.smk"
include: "pipeline/rules/train.smk"
include: "pipeline/rules/evaluate.smk"
include: "pipeline/rules/report.smk"


rule all:
    default_target: True
    input:
        rules.table1.output,
        rules.table2.output,
        rules.latex.output,
        rules.plot.output,
        rules.figures.output,
        rules.verdicts.output,
        rules.track.output,
        rules.html.output,
        rules.ablation.output if bench.experiment.study else [],


# Images, manifests, pixel stores and windows.
rule all_data:
    input:
        bench.part("all_data"),


# Trainings, scores and sizes.
rule all_results:
    input:
        bench.part("all_results"),
