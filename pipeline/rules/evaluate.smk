rule evaluate:
    input:
        manifest=content.input(
            "evaluate {method}-seed{repetition}",
            [f"data/{bench.dataset}/manifest.csv"],
        ),
        weights=lambda wildcards: content.input(
            "evaluate {method}-seed{repetition}",
            [rules.train.output.weights] if bench.learns(wildcards.method) else [],
        )(wildcards),
    output:
        metrics=f"results/{bench.dataset}/{{method}}-seed{{repetition}}/per_image.csv",
        record=f"results/{bench.dataset}/{{method}}-seed{{repetition}}/record.json",
    log:
        f"logs/{bench.dataset}/evaluate-{{method}}-seed{{repetition}}.log",
    priority: first.priority("evaluate")
    conda:
        "../../environment.yml"
    threads: jobs.threads("evaluate")
    resources:
        experiment=bench.config,
        gpu=jobs.gpus("evaluate"),
        mem_mb=jobs.mem_mb("evaluate"),
        runtime=jobs.runtime("evaluate"),
    params:
        root=lambda wildcards: bench.raw,
        run=lambda wildcards, input: bench.run_option(input.weights),
        folder=subpath(output.record, parent=True),
    message:
        "Evaluating {wildcards.method}, repetition {wildcards.repetition:q}"
    shell:
        "dmtbench evaluate {wildcards.method:q} --config {resources.experiment:q}"
        " --repetition {wildcards.repetition:q} --root {params.root:q}"
        " --manifest {input.manifest:q} {params.run:q} --output {params.folder:q} > {log:q} 2>&1"


# Published weights, or others that the experiment names, instead of a run.
rule evaluate_given:
    input:
        manifest=content.input(
            "evaluate {method}-given", [f"data/{bench.dataset}/manifest.csv"]
        ),
        weights=lambda wildcards: content.input(
            "evaluate {method}-given", bench.given_file(wildcards.method)
        )(wildcards),
    output:
        metrics=f"results/{bench.dataset}/{{method}}-given/per_image.csv",
        record=f"results/{bench.dataset}/{{method}}-given/record.json",
    log:
        f"logs/{bench.dataset}/evaluate-{{method}}-given.log",
    conda:
        "../../environment.yml"
    threads: jobs.threads("evaluate")
    resources:
        experiment=bench.config,
        gpu=jobs.gpus("evaluate"),
        mem_mb=jobs.mem_mb("evaluate_given"),
        runtime=jobs.runtime("evaluate_given"),
    params:
        root=lambda wildcards: bench.raw,
        given=lambda wildcards: bench.given_option(wildcards.method),
        folder=subpath(output.record, parent=True),
    message:
        "Evaluating {wildcards.method} with given weights"
    shell:
        "dmtbench evaluate {wildcards.method:q} --config {resources.experiment:q}"
        " --root {params.root:q} --manifest {input.manifest:q} {params.given:q}"
        " --output {params.folder:q} > {log:q} 2>&1"


# One job for all networks: loading torch takes longer than counting a small one. It counts only
# those without a current record, so the records of the others stay.
rule complexity:
    input:
        content.input("complexity"),
    output:
        update(bench.sizes()),
    log:
        f"logs/{bench.experiment.name}/complexity.log",
    priority: first.priority("complexity")
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        experiment=bench.config,
        mem_mb=jobs.mem_mb("complexity"),
        runtime=jobs.runtime("complexity"),
    params:
        methods=bench.counted,
        size=bench.experiment.complexity_size,
    message:
        "Counting parameters and FLOPs of the networks"
    shell:
        "dmtbench complexity {params.methods:q} --config {resources.experiment:q}"
        " --size {params.size:q} > {log:q} 2>&1"
