rule data:
    output:
        manifest=f"{bench.data}/manifest.csv",
    log:
        f"{bench.logs}/data.log",
    conda:
        "../../environment.yml"
    threads: 8
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        config=bench.config,
        root=bench.raw,
        key=bench.data_key(),
    message:
        "Images and manifest of {params.root}"
    shell:
        "dmtbench data --config {params.config} --root {params.root}"
        " --manifest {output.manifest} --workers {threads} 2> {log}"


rule store:
    input:
        manifest=rules.data.output.manifest,
    output:
        index=f"{bench.data}/store/index.json",
        pixels=f"{bench.data}/store/pixels.u16",
    log:
        f"{bench.logs}/store.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        root=bench.raw,
        folder=subpath(output.index, parent=True),
    message:
        "Pixel store {params.folder}"
    shell:
        "dmtbench store --root {params.root} --manifest {input.manifest}"
        " --output {params.folder} 2> {log}"
