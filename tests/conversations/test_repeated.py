"""An engine whose first answer got lost asks every action again: nothing is done twice, and the same is said.

In every conversation that comes to its end each action is called twice under its message's id. Both answers
must be the same, and what stands in the database afterwards as the story has it.
"""

import asyncio

from tests.conversations.conftest import Played
from tests.conversations.player import Complaint
from tests.conversations.stories import Story

DONE = {  # operations that a dialogue may run
    "add_files", "book_visit", "cancel_order", "cancel_subscription", "cancel_visit", "change_address",
    "change_contact", "change_order", "change_plan", "change_profile", "comment_rating", "compensate_delay",
    "export_data", "issue_document", "leave_review", "message_times", "move_visit", "open_case",
    "open_return", "opt_in", "opt_out", "pause_subscription", "rate_service", "renew_subscription",
    "request_contact_code", "request_erasure", "resume_subscription", "watch_order", "withdraw_consent",
}  # fmt: skip


async def test_every_action_asked_twice_does_its_deed_once(played: Played, asked_twice: list[Story]) -> None:
    tasks = [played[story.file, story.name] for story in asked_twice]
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    complaints = [str(outcome) for outcome in outcomes if isinstance(outcome, Complaint)]
    assert not complaints, "\n\n".join(complaints)
    done = set().union(*(task.result() for task in tasks))
    assert done >= DONE, f"no conversation does {sorted(DONE - done)}"
