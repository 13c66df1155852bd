"""Reports: operations, energy, activity and fidelity of a run."""

from snnc.runtime.report.build import build_report as build_report
from snnc.runtime.report.facade import report as report
from snnc.runtime.report.files import write_report as write_report
from snnc.runtime.report.model import Layer as Layer
from snnc.runtime.report.model import Report as Report
