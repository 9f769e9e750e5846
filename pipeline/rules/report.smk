def records_of(methods):
    return expand(f"{bench.results}/{{run}}/record.json", run=bench.named_runs(methods))


def sizes_of(methods):
    return expand(rules.complexity.output.record, method=bench.sized(methods))


rule table1:
    input:
        results=records_of(bench.table1_methods),
        complexity=sizes_of(bench.table1_methods),
        published="reports/published/table1.csv",
    output:
        csv="reports/table1.csv",
        text=["reports/table1.md", "reports/table1.tex"],
        groups=["reports/groups.csv", "reports/groups.md", "reports/groups.tex"],
        metrics="reports/metrics.json",
    params:
        config=bench.config,
        results=bench.results,
        key=bench.report_key(),
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    log:
        "logs/table1.log",
    conda:
        "../../environment.yml"
    message:
        "Table 1"
    shell:
        "dmtbench table1 --config {params.config} --results {params.results}"
        " --complexity results/complexity --published reports/published --output reports"
        " > {log} 2>&1"


rule table2:
    input:
        results=records_of(bench.table2_methods),
        complexity=sizes_of(bench.table2_methods),
        published="reports/published/table2.csv",
    output:
        csv="reports/table2.csv",
        text=["reports/table2.md", "reports/table2.tex"],
    params:
        config=bench.config,
        results=bench.results,
        key=bench.report_key(),
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    log:
        "logs/table2.log",
    conda:
        "../../environment.yml"
    message:
        "Table 2"
    shell:
        "dmtbench table2 --config {params.config} --results {params.results}"
        " --complexity results/complexity --published reports/published --output reports"
        " > {log} 2>&1"


rule plot:
    input:
        table=rules.table1.output.csv,
    output:
        expand("reports/psnr_vs_params.{suffix}", suffix=["png", "svg", "pdf"]),
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    log:
        "logs/plot.log",
    conda:
        "../../environment.yml"
    message:
        "PSNR over parameters"
    shell:
        "dmtbench plot --table {input.table} --output reports > {log} 2>&1"


rule track:
    input:
        records=records_of(bench.all_methods),
        tables=[rules.table1.output.csv, rules.table2.output.csv, *rules.plot.output],
    output:
        f"{bench.results}/tracking.json",
    params:
        runs=bench.runs,
        results=bench.results,
        tables=lambda wildcards, input: [f"--table {path}" for path in input.tables],
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    log:
        f"{bench.logs}/track.log",
    conda:
        "../../environment.yml"
    message:
        "Records into MLflow"
    shell:
        "dmtbench track --runs {params.runs} --results {params.results} {params.tables}"
        " --output {output} > {log} 2>&1"
