rule data:
    input:
        content.input("data {dataset}"),
    output:
        manifest="data/{dataset}/manifest.csv",
        record="data/{dataset}/manifest.record.json",
    log:
        "logs/{dataset}/data.log",
    priority: first.priority("data")
    conda:
        "../../environment.yml"
    threads: 8
    resources:
        experiment=bench.config,
        mem_mb=jobs.mem_mb("data"),
        runtime=jobs.runtime("data"),
    params:
        root=lambda wildcards: bench.raw_of(wildcards.dataset),
        option=lambda wildcards: bench.data_option(wildcards.dataset),
    message:
        "Images and manifest of {params.root}"
    shell:
        "dmtbench data {params.option:q} --config {resources.experiment:q} --root {params.root:q}"
        " --manifest {output.manifest:q} --workers {threads:q} 2> {log:q}"


rule store:
    input:
        manifest=content.input("store {dataset}", [rules.data.output.manifest]),
    output:
        index="data/{dataset}/store/index.json",
        pixels="data/{dataset}/store/pixels.u16",
        record="data/{dataset}/store.record.json",
    log:
        "logs/{dataset}/store.log",
    priority: first.priority("store")
    conda:
        "../../environment.yml"
    threads: 4
    resources:
        mem_mb=jobs.mem_mb("store"),
        runtime=jobs.runtime("store"),
    params:
        root=lambda wildcards: bench.raw_of(wildcards.dataset),
        folder=subpath(output.index, parent=True),
    message:
        "Pixel store {params.folder}"
    shell:
        "dmtbench store --root {params.root:q} --manifest {input.manifest:q}"
        " --output {params.folder:q} --workers {threads:q} 2> {log:q}"


rule patches:
    input:
        index=content.input("patches", [f"data/{bench.dataset}/store/index.json"]),
    output:
        patches=f"data/{bench.dataset}/patches.csv",
        record=f"data/{bench.dataset}/patches.record.json",
    log:
        f"logs/{bench.dataset}/patches.log",
    priority: first.priority("patches")
    conda:
        "../../environment.yml"
    threads: 4
    resources:
        experiment=bench.config,
        mem_mb=jobs.mem_mb("patches"),
        runtime=jobs.runtime("patches"),
    params:
        store=f"data/{bench.dataset}/store",
    message:
        "Training windows of {params.store}"
    shell:
        "dmtbench patches --config {resources.experiment:q} --store {params.store:q}"
        " --output {output.patches:q} --workers {threads:q} 2> {log:q}"
