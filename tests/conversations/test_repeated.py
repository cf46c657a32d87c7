"""An engine whose first answer got lost asks every action again: nothing is done twice, and the same is said.

Every conversation that comes to its end is played once more with each action called twice under its message's
id. What is said and what stands in the database afterwards must be as the story has it.
"""

import asyncio

from sqlalchemy import select

from crm_bridge.models import Operation
from tests.conversations.player import Complaint, Player
from tests.conversations.stage import Stage
from tests.conversations.stories import Story, stories

AT_ONCE = 3
ENDS = ("happy", "unverified")  # kinds of conversations that come to their end
DONE = {  # operations that a dialogue may run
    "add_files", "book_visit", "cancel_order", "cancel_subscription", "cancel_visit", "change_address",
    "change_contact", "change_order", "change_plan", "change_profile", "comment_rating", "compensate_delay",
    "export_data", "issue_document", "leave_review", "message_times", "move_visit", "open_case",
    "open_return", "opt_in", "opt_out", "pause_subscription", "rate_service", "renew_subscription",
    "request_contact_code", "request_erasure", "resume_subscription", "watch_order", "withdraw_consent",
}  # fmt: skip


async def test_every_action_asked_twice_does_its_deed_once(stage: Stage) -> None:
    room, complaints, done = asyncio.Semaphore(AT_ONCE), list[str](), set[str]()

    async def play(story: Story) -> None:
        async with room, stage.world() as world:
            world.asks_twice = True
            try:
                await Player(stage, world, story).play()
            except Complaint as complaint:
                complaints.append(str(complaint))
            async with world.db.read() as session:
                done.update(await session.scalars(select(Operation.name)))

    wanted = [one for one in stories() if one.metadata.afterwards and one.kind in ENDS]
    await asyncio.gather(*(play(story) for story in wanted))
    complaints += [f"no conversation does {one}" for one in sorted(DONE - done)]
    assert not complaints, "\n\n".join(complaints)
