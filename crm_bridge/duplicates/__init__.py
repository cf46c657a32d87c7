"""Two records of one person: found, proposed with reasons, merged by a person's decision, parted again."""

from crm_bridge.duplicates.arrival import Arrivals
from crm_bridge.duplicates.matching import Match, Person, ReasonCode, compare
from crm_bridge.duplicates.merging import (
    CannotMerge,
    CannotUnmerge,
    Merges,
    NeedsAdministrator,
)
from crm_bridge.duplicates.proposals import Proposal, Proposals
from crm_bridge.duplicates.quality import Problem, ProblemCode, problems

__all__ = [
    "Arrivals",
    "CannotMerge",
    "CannotUnmerge",
    "Match",
    "Merges",
    "NeedsAdministrator",
    "Person",
    "Problem",
    "ProblemCode",
    "Proposal",
    "Proposals",
    "ReasonCode",
    "compare",
    "problems",
]
