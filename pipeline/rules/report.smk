rule table1:
    input:
        results=bench.result_records(bench.table1_methods),
        complexity=bench.complexity_records(bench.table1_methods),
        published="reports/published/table1.csv",
    output:
        csv="reports/table1.csv",
        text=["reports/table1.md", "reports/table1.tex"],
        groups=["reports/groups.csv", "reports/groups.md", "reports/groups.tex"],
        metrics="reports/metrics.json",
    log:
        "logs/table1.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        experiment=bench.config,
        mem_mb=2000,
        runtime=10,
    params:
        results=lambda wildcards, input: bench.folder_of_runs(input.results),
        key=bench.report_key(),
        lost=lambda wildcards: bench.lost("reports/table1.csv", bench.table1_methods),
    message:
        "Table 1"
    shell:
        "dmtbench table1 --config {resources.experiment:q} --results {params.results:q}"
        " --complexity results/complexity --published reports/published --output reports"
        " > {log:q} 2>&1"


rule table2:
    input:
        results=bench.result_records(bench.table2_methods),
        complexity=bench.complexity_records(bench.table2_methods),
        published="reports/published/table2.csv",
    output:
        csv="reports/table2.csv",
        text=["reports/table2.md", "reports/table2.tex"],
    log:
        "logs/table2.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        experiment=bench.config,
        mem_mb=2000,
        runtime=10,
    params:
        results=lambda wildcards, input: bench.folder_of_runs(input.results),
        key=bench.report_key(),
        lost=lambda wildcards: bench.lost("reports/table2.csv", bench.table2_methods),
    message:
        "Table 2"
    shell:
        "dmtbench table2 --config {resources.experiment:q} --results {params.results:q}"
        " --complexity results/complexity --published reports/published --output reports"
        " > {log:q} 2>&1"


rule plot:
    input:
        table=rules.table1.output.csv,
    output:
        expand("reports/psnr_vs_params.{suffix}", suffix=["png", "svg", "pdf"]),
    log:
        "logs/plot.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    message:
        "PSNR over parameters"
    shell:
        "dmtbench plot --table {input.table:q} --output reports > {log:q} 2>&1"


rule track:
    input:
        records=bench.result_records(bench.all_methods),
        tables=[rules.table1.output.csv, rules.table2.output.csv, *rules.plot.output],
    output:
        f"{bench.results}/tracking.json",
    log:
        f"{bench.logs}/track.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        runs=bench.runs,
        results=lambda wildcards, input: bench.folder_of_runs(input.records),
        tables=lambda wildcards, input: bench.table_options(input.tables),
    message:
        "Records into MLflow"
    shell:
        "dmtbench track --runs {params.runs:q} --results {params.results:q} {params.tables:q}"
        " --output {output:q} > {log:q} 2>&1"
