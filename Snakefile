# The DAG. Paths and scalars only: every rule calls one `dmtbench` line, all logic is in pipeline/.
from pipeline.workflow.experiment import load_workflow


configfile: "config/demo.yaml"


# Rules hold the experiment's file as a resource: a changed parameter, unlike a changed resource, would
# make everything again, but only the file's content matters, and that is in the keys.
bench = load_workflow(workflow.configfiles, workflow.config_settings.config)


wildcard_constraints:
    dataset="|".join(bench.datasets),
    method="[a-z0-9-]+",
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
        rules.plot.output,
        rules.track.output,
