"""The sections of the page, in their order."""

from __future__ import annotations

from pipeline.html_report.section import Section
from pipeline.html_report.sections.checklist import checklist
from pipeline.html_report.sections.commands_list import commands
from pipeline.html_report.sections.compute import compute
from pipeline.html_report.sections.curves import curves
from pipeline.html_report.sections.deviations import deviations
from pipeline.html_report.sections.environment import environment
from pipeline.html_report.sections.figures import features, qualitative
from pipeline.html_report.sections.images import images
from pipeline.html_report.sections.record_list import records
from pipeline.html_report.sections.results import table1, table2
from pipeline.html_report.sections.study import study
from pipeline.html_report.sections.tradeoff import tradeoff
from pipeline.html_report.sections.verdicts import verdicts

SECTIONS: tuple[Section, ...] = (
    Section("verdicts", "Verdicts", verdicts),
    Section("study", "Study over seeds", study),
    Section("table-1", "Table 1: all methods", table1),
    Section("table-2", "Table 2: ablation", table2),
    Section("tradeoff", "PSNR over size and cost", tradeoff),
    Section("images", "Image by image", images),
    Section("figure-4", "Qualitative comparison", qualitative),
    Section("figure-5", "Scales and their weights", features),
    Section("curves", "Training curves", curves),
    Section("compute", "Compute used", compute),
    Section("environment", "Environment", environment),
    Section("commands", "Commands to run it again", commands),
    Section("deviations", "Deviations from the paper", deviations),
    Section("checklist", "Reproducibility checklist", checklist),
    Section("records", "Records", records),
)
