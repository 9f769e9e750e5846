# One job for all networks: loading torch takes longer than applying a small one to all test images.
rule networks:
    input:
        content.input("networks", bench.inputs("networks")),
    output:
        bench.outputs("networks"),
    log:
        f"logs/{bench.experiment.name}/networks.log",
    conda:
        "../../environment.yml"
    threads: jobs.threads("networks")
    resources:
        experiment=bench.config,
        gpu=jobs.gpus("networks"),
        mem_mb=jobs.mem_mb("networks"),
        runtime=jobs.runtime("networks"),
    message:
        "Sizes and selection weights of the trained networks"
    shell:
        "dmtbench networks --config {resources.experiment:q} > {log:q} 2>&1"
