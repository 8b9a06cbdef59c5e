"""Planning: what further studies would do to an answer, and what an analysis expects before any."""

from poolwise.simulate.planning.further_studies import FurtherStudies, further_studies
from poolwise.simulate.planning.next_study import NextStudy, next_study
from poolwise.simulate.planning.prior_answers import PriorAnswers, prior_answers

__all__ = ["FurtherStudies", "NextStudy", "PriorAnswers", "further_studies", "next_study", "prior_answers"]
