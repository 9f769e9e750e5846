rule train:
    input:
        manifest=f"{bench.data}/manifest.csv",
        index=f"{bench.data}/store/index.json",
        patches=rules.patches.output,
        companion=lambda wildcards: bench.companion_index(wildcards.method),
    output:
        weights=f"{bench.runs}/{{method}}-seed{{repetition}}/weights.safetensors",
        curve=f"{bench.runs}/{{method}}-seed{{repetition}}/curve.csv",
        record=f"{bench.runs}/{{method}}-seed{{repetition}}/record.json",
    log:
        f"{bench.logs}/train-{{method}}-seed{{repetition}}.log",
    conda:
        "../../environment.yml"
    threads: bench.threads
    resources:
        experiment=bench.config,
        gpu=lambda wildcards: bench.training_gpus(wildcards.method),
        mem_mb=8000,
        runtime=7200,
    params:
        store=subpath(input.index, parent=True),
        companion=lambda wildcards, input: bench.companion_option(input.companion),
        folder=subpath(output.record, parent=True),
        state=f"{bench.states}/{{method}}-seed{{repetition}}",
        progress=f"{bench.logs}/train-{{method}}-seed{{repetition}}.progress.json",
        key=lambda wildcards: bench.train_key(wildcards.method),
    message:
        "Training {wildcards.method}, repetition {wildcards.repetition}"
    shell:
        "dmtbench train {wildcards.method:q} --config {resources.experiment:q}"
        " --repetition {wildcards.repetition:q} --store {params.store:q} --patches {input.patches:q}"
        " --manifest {input.manifest:q} {params.companion:q} --output {params.folder:q}"
        " --state {params.state:q}"
        " --progress-file {params.progress:q} > {log:q} 2>&1"
