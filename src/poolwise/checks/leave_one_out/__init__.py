"""Leave-one-out: each study foretold by the others, and what each does to the answer."""

from poolwise.checks.leave_one_out.leave_one_out import LeaveOneOut, leave_one_out

__all__ = ["LeaveOneOut", "leave_one_out"]
