from harness.loop import Budget as Budget
from harness.protocol import Evaluated as Evaluated
from harness.protocol import Method as Method
from harness.protocol import Proposal as Proposal
from harness.protocol import Rejected as Rejected
from harness.run import Run as Run
from reproduce.benchmarks import Opened as Opened
from reproduce.benchmarks import open_table as open_table
from reproduce.comparison.comparison import Comparison as Comparison
from reproduce.comparison.comparison import compare as compare
from reproduce.errors import DataMissing as DataMissing
from reproduce.errors import ReproduceError as ReproduceError
from reproduce.errors import UsageError as UsageError
from reproduce.lockfile import Difference as Difference
from reproduce.lockfile import check as check
from reproduce.lockfile import lock as lock
from reproduce.paper.registry import build_report as build_report
from reproduce.published.imagenet import replay as replay
from reproduce.published.replay import Replay as Replay
from reproduce.recording import replay_recording as replay_recording
from reproduce.report.report import Cell as Cell
from reproduce.report.report import Column as Column
from reproduce.report.report import Report as Report
from reproduce.report.report import Status as Status
from reproduce.searches import search as search

__version__: str
