# The DAG. Every rule passes paths and scalars to one `dmtbench` command; all logic is in pipeline/.
from pipeline.workflow.experiment import judge_by_content, load_workflow


configfile: "config/demo.yaml"


# Rules have the experiment file as a resource, not as a parameter, and all inputs are `ancient`:
# content decides what is made again, see `judge_by_content`.
bench = load_workflow(workflow.configfiles, workflow.config_settings.config)
judge_by_content(workflow, bench)


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
