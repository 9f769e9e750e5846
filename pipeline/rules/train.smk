rule train:
    input:
        manifest=content.input(
            "train {method}-seed{repetition}", [f"data/{bench.dataset}/manifest.csv"]
        ),
        index=content.input(
            "train {method}-seed{repetition}",
            [f"data/{bench.dataset}/store/index.json"],
        ),
        patches=content.input(
            "train {method}-seed{repetition}", [rules.patches.output.patches]
        ),
        companion=lambda wildcards: content.input(
            "train {method}-seed{repetition}", bench.companion_index(wildcards.method)
        )(wildcards),
    output:
        weights=f"runs/{bench.dataset}/{{method}}-seed{{repetition}}/weights.safetensors",
        curve=f"runs/{bench.dataset}/{{method}}-seed{{repetition}}/curve.csv",
        record=f"runs/{bench.dataset}/{{method}}-seed{{repetition}}/record.json",
    log:
        f"logs/{bench.dataset}/train-{{method}}-seed{{repetition}}.log",
    priority: first.priority("train")
    conda:
        "../../environment.yml"
    threads: jobs.threads("train")
    resources:
        experiment=bench.config,
        gpu=jobs.gpus("train"),
        mem_mb=jobs.mem_mb("train"),
        runtime=jobs.runtime("train"),
    params:
        store=f"data/{bench.dataset}/store",
        companion=lambda wildcards, input: bench.companion_option(input.companion),
        folder=subpath(output.record, parent=True),
        state=f"state/{bench.dataset}/{{method}}-seed{{repetition}}",
        progress=f"logs/{bench.dataset}/train-{{method}}-seed{{repetition}}.progress.json",
    message:
        "Training {wildcards.method}, repetition {wildcards.repetition:q}"
    shell:
        "exec dmtbench train {wildcards.method:q} --config {resources.experiment:q}"
        " --repetition {wildcards.repetition:q} --store {params.store:q} --patches {input.patches:q}"
        " --manifest {input.manifest:q} {params.companion:q} --output {params.folder:q}"
        " --state {params.state:q} --progress-file {params.progress:q} > {log:q} 2>&1"
