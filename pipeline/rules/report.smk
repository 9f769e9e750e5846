rule table1:
    input:
        content.input("table1", bench.inputs("table1")),
    output:
        bench.outputs("table1"),
    log:
        f"logs/{bench.experiment.name}/table1.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        experiment=bench.config,
        mem_mb=jobs.mem_mb("report"),
        runtime=jobs.runtime("report"),
    message:
        "Table 1"
    shell:
        "dmtbench table1 --config {resources.experiment:q} > {log:q} 2>&1"


rule table2:
    input:
        content.input("table2", bench.inputs("table2")),
    output:
        bench.outputs("table2"),
    log:
        f"logs/{bench.experiment.name}/table2.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        experiment=bench.config,
        mem_mb=jobs.mem_mb("report"),
        runtime=jobs.runtime("report"),
    message:
        "Table 2"
    shell:
        "dmtbench table2 --config {resources.experiment:q} > {log:q} 2>&1"


rule latex:
    input:
        content.input("latex", bench.inputs("latex")),
    output:
        bench.outputs("latex"),
    log:
        f"logs/{bench.experiment.name}/latex.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        experiment=bench.config,
        mem_mb=jobs.mem_mb("report"),
        runtime=jobs.runtime("report"),
    message:
        "Numbers and references for manuscripts"
    shell:
        "dmtbench latex --config {resources.experiment:q} > {log:q} 2>&1"


rule plot:
    input:
        content.input("plot", bench.inputs("plot")),
    output:
        bench.outputs("plot"),
    log:
        f"logs/{bench.experiment.name}/plot.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        experiment=bench.config,
        mem_mb=jobs.mem_mb("report"),
        runtime=jobs.runtime("report"),
    message:
        "PSNR over parameters"
    shell:
        "dmtbench plot --config {resources.experiment:q} > {log:q} 2>&1"


# One job for all methods: loading torch takes longer than applying a network to a few scenes.
rule qualitative:
    input:
        content.input("qualitative", bench.inputs("qualitative")),
    output:
        bench.outputs("qualitative"),
    log:
        f"logs/{bench.experiment.name}/qualitative.log",
    conda:
        "../../environment.yml"
    threads: jobs.threads("qualitative")
    resources:
        experiment=bench.config,
        gpu=jobs.gpus("qualitative"),
        mem_mb=jobs.mem_mb("qualitative"),
        runtime=jobs.runtime("qualitative"),
    message:
        "Images of all methods for Figures 4 and 5"
    shell:
        "dmtbench qualitative --config {resources.experiment:q} > {log:q} 2>&1"


rule figures:
    input:
        content.input("figures", bench.inputs("figures")),
    output:
        bench.outputs("figures"),
    log:
        f"logs/{bench.experiment.name}/figures.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        experiment=bench.config,
        mem_mb=jobs.mem_mb("report"),
        runtime=jobs.runtime("report"),
    message:
        "Figures 4 and 5"
    shell:
        "dmtbench figures --config {resources.experiment:q} > {log:q} 2>&1"


rule verdicts:
    input:
        content.input("verdicts", bench.inputs("verdicts")),
    output:
        bench.outputs("verdicts"),
    log:
        f"logs/{bench.experiment.name}/verdicts.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        experiment=bench.config,
        mem_mb=jobs.mem_mb("report"),
        runtime=jobs.runtime("report"),
    message:
        "Verdicts"
    shell:
        "dmtbench verdicts --config {resources.experiment:q} > {log:q} 2>&1"


rule html:
    input:
        content.input("html", bench.inputs("html")),
    output:
        bench.outputs("html"),
    log:
        f"logs/{bench.experiment.name}/html.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        experiment=bench.config,
        mem_mb=jobs.mem_mb("report"),
        runtime=jobs.runtime("report"),
    message:
        "Page of the experiment"
    shell:
        "dmtbench html --config {resources.experiment:q} > {log:q} 2>&1"


rule track:
    input:
        content.input("track", bench.inputs("track")),
    output:
        bench.outputs("track"),
    log:
        f"logs/{bench.experiment.name}/track.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        experiment=bench.config,
        mem_mb=jobs.mem_mb("track"),
        runtime=jobs.runtime("track"),
    message:
        "Records into MLflow"
    shell:
        "dmtbench track --config {resources.experiment:q} > {log:q} 2>&1"


if bench.experiment.study:

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

    rule ablation:
        input:
            content.input("ablation", bench.inputs("ablation")),
        output:
            bench.outputs("ablation"),
        log:
            f"logs/{bench.experiment.name}/ablation.log",
        conda:
            "../../environment.yml"
        threads: 1
        resources:
            experiment=bench.config,
            mem_mb=jobs.mem_mb("report"),
            runtime=jobs.runtime("report"),
        message:
            "Study over seeds"
        shell:
            "dmtbench ablation --config {resources.experiment:q} > {log:q} 2>&1"
