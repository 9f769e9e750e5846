rule train:
    input:
        manifest=rules.data.output.manifest,
        index=rules.store.output.index,
        patches=rules.patches.output,
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
        gpu=bench.gpus,
        mem_mb=8000,
        runtime=7200,
    params:
        config=bench.config,
        store=subpath(input.index, parent=True),
        folder=subpath(output.record, parent=True),
        progress=f"{bench.logs}/train-{{method}}-seed{{repetition}}.progress.json",
        key=lambda wildcards: bench.train_key(wildcards.method),
    message:
        "Training {wildcards.method}, repetition {wildcards.repetition}"
    shell:
        "dmtbench train {wildcards.method} --config {params.config}"
        " --repetition {wildcards.repetition} --store {params.store} --patches {input.patches}"
        " --manifest {input.manifest} --output {params.folder}"
        " --progress-file {params.progress} > {log} 2>&1"
