from harness.conformance.methods import OF_METHODS as OF_METHODS
from harness.conformance.methods import Finding as Finding
from harness.conformance.methods import check as check
from harness.conformance.spaces import OF_SPACES as OF_SPACES
from harness.conformance.spaces import OF_TABLES as OF_TABLES
