rule data:
    output:
        manifest="data/{dataset}/manifest.csv",
    log:
        "logs/{dataset}/data.log",
    conda:
        "../../environment.yml"
    threads: 8
    resources:
        experiment=bench.config,
        mem_mb=8000,
        runtime=240,
    params:
        root=lambda wildcards: bench.raw_of(wildcards.dataset),
        option=lambda wildcards: bench.data_option(wildcards.dataset),
        key=lambda wildcards: bench.data_key(wildcards.dataset),
    message:
        "Images and manifest of {params.root}"
    shell:
        "dmtbench data {params.option:q} --config {resources.experiment:q} --root {params.root:q}"
        " --manifest {output.manifest:q} --workers {threads:q} 2> {log:q}"


rule store:
    input:
        manifest=rules.data.output.manifest,
    output:
        index="data/{dataset}/store/index.json",
        pixels="data/{dataset}/store/pixels.u16",
    log:
        "logs/{dataset}/store.log",
    conda:
        "../../environment.yml"
    threads: 4
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        root=lambda wildcards: bench.raw_of(wildcards.dataset),
        folder=subpath(output.index, parent=True),
        key=bench.store_key(),
    message:
        "Pixel store {params.folder}"
    shell:
        "dmtbench store --root {params.root:q} --manifest {input.manifest:q}"
        " --output {params.folder:q} --workers {threads:q} 2> {log:q}"


rule patches:
    input:
        index=f"{bench.data}/store/index.json",
    output:
        f"{bench.data}/patches.csv",
    log:
        f"{bench.logs}/patches.log",
    conda:
        "../../environment.yml"
    threads: 4
    resources:
        experiment=bench.config,
        mem_mb=4000,
        runtime=240,
    params:
        store=subpath(input.index, parent=True),
        key=bench.patches_key(),
    message:
        "Training windows of {params.store}"
    shell:
        "dmtbench patches --config {resources.experiment:q} --store {params.store:q}"
        " --output {output:q} --workers {threads:q} 2> {log:q}"
