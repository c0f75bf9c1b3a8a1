"""Recount every row from the topics, believing no counter: what was lost, what is there twice, what nobody sent."""

from astroscale_client.audit.report import AuditReport, LedgerCheck, StageReport
from astroscale_client.audit.run import run

__all__ = ["AuditReport", "LedgerCheck", "StageReport", "run"]
