"""One paper over several analyses: a page of its own, made from their finished runs."""

from poolwise.report.joint.content import JointContent
from poolwise.report.joint.moderators import moderators
from poolwise.report.joint.sections import JOINT

__all__ = ["JOINT", "JointContent", "moderators"]
