"""Jobs through all four stages, with a model and neighbours that fail in every way we know."""

from __future__ import annotations

import asyncio
import json

import pytest
from aiokafka import AIOKafkaConsumer
from eco2.pipeline.v1.reward_granted_pb2 import RewardGranted

from mesh.local.ephemeral import EphemeralParts
from streaming.kafka.headers import ATTEMPT
from streaming.kafka.topics import SCAN_REWARD
from streaming.progress import keys
from streaming.progress.event import ProgressEvent
from tests.integration.pipeline.conftest import WHOLE, Line, told
from tests.wait import until

pytestmark = pytest.mark.parts


async def test_a_scan_tells_every_stage_in_order_and_ends_with_its_result(line: Line) -> None:
    job_id = await line.submit(question="이거 어떻게 버려요?")
    events = await line.ended(job_id)
    assert told(events) == WHOLE
    assert [event.seq for event in events] == [0, 10, 11, 20, 21, 30, 31, 40, 41, 51]
    assert json.loads(events[-1].result or "")["task_id"] == job_id
    result = line.scan.results[job_id]
    assert result.classification.middle_category == "유리병"
    assert result.rule_document_id == "재활용폐기물_유리병"
    assert len(result.disposal_steps) == 3
    assert result.reward.name == "글래시"
    assert result.reward.match_reason == "유리병>소주병"
    assert result.vision_use.provider == "openai"
    assert result.vision_use.input_tokens == 2400


async def test_many_scans_at_once_all_complete_and_each_calls_the_model_twice(line: Line) -> None:
    before = line.simulator.statistics.calls.copy()
    jobs = await asyncio.gather(*(line.submit() for _ in range(60)))
    for job_id in jobs:
        assert told(await line.ended(job_id, within_seconds=60)) == WHOLE
    calls = line.simulator.statistics.calls - before
    assert calls == {"vision": 60, "answer": 60}


async def announced(parts: EphemeralParts, job_id: str) -> tuple[str, RewardGranted]:
    """Key and value of the record that grants a job's reward."""
    consumer = AIOKafkaConsumer(
        "reward.granted",
        bootstrap_servers=parts.kafka_bootstrap,
        auto_offset_reset="earliest",
        group_id=None,
    )
    await consumer.start()
    try:
        async with asyncio.timeout(30):
            while True:
                record = await consumer.getone()
                fact = RewardGranted.FromString(record.value)
                if fact.job_id == job_id:
                    return record.key.decode(), fact
    finally:
        await consumer.stop()


async def test_the_reward_is_announced_under_the_users_key(
    line: Line, parts: EphemeralParts
) -> None:
    job_id = await line.submit()
    await line.ended(job_id)
    key, fact = await announced(parts, job_id)
    assert key == fact.user_id == line.users[job_id]
    assert (fact.character_code, fact.source) == ("char-glassy", "scan")


@pytest.mark.parametrize("deadline_seconds", [60.0, -1.0], ids=["in time", "past its deadline"])
async def test_a_worker_that_dies_after_storing_the_result_leaves_nothing_untold(
    line: Line, parts: EphemeralParts, deadline_seconds: float
) -> None:
    """The record is read again, and the reward granted, although the job has ended by then."""
    task = line.task(deadline_seconds=deadline_seconds)
    task.vision.classification.major_category = "재활용폐기물"
    task.vision.classification.middle_category = "유리병"
    task.rule.document_id = "재활용폐기물_유리병"
    job = line.scan.jobs[task.job_id]
    job.status = "completed"
    job.result_json = json.dumps({"task_id": task.job_id, "reward": {"name": "글래시"}})
    before = [
        ProgressEvent(job_id=task.job_id, stage=stage, status=status) for stage, status in WHOLE[:8]
    ]
    await line.publisher.open_job(task.job_id, domain="scan", user_id=task.user_id, events=before)
    await line.producer.send(SCAN_REWARD, task.job_id, task, deadline=task.deadline_ms / 1000)
    events = await line.ended(task.job_id)
    assert told(events) == WHOLE
    assert [event.seq for event in events] == [0, 10, 11, 20, 21, 30, 31, 40, 41, 51]
    assert json.loads(events[-1].result or "")["task_id"] == task.job_id
    _, fact = await announced(parts, task.job_id)
    assert fact.character_code == "char-glassy"


async def test_the_catalogue_is_asked_once_for_a_class(line: Line) -> None:
    line.simulator.set(middle="금속류")
    asked = line.character.calls
    for _ in range(3):
        job_id = await line.submit()
        assert told(await line.ended(job_id)) == WHOLE
        assert line.scan.results[job_id].reward.match_reason == "금속류>알루미늄캔"
    assert line.character.calls - asked == 1


async def test_no_reward_while_something_is_left_to_do(line: Line) -> None:
    line.simulator.set(not_ready=1.0)
    asked = line.character.calls
    job_id = await line.submit()
    assert told(await line.ended(job_id)) == WHOLE
    assert not line.scan.results[job_id].HasField("reward")
    assert line.character.calls == asked


async def test_without_a_rule_the_model_is_not_asked_for_an_answer(line: Line) -> None:
    line.simulator.set(middle="미분류")
    before = line.simulator.statistics.calls["answer"]
    job_id = await line.submit()
    assert told(await line.ended(job_id)) == WHOLE
    result = line.scan.results[job_id]
    assert result.rule_document_id == ""
    assert len(result.insufficiencies) == 1
    assert result.answer_use.provider == "fixed"
    assert line.simulator.statistics.calls["answer"] == before


async def test_a_model_that_is_down_delays_scans_and_loses_none(line: Line) -> None:
    line.simulator.set(down_seconds=5.0)
    jobs = await asyncio.gather(*(line.submit() for _ in range(30)))
    await asyncio.sleep(1.0)  # failing meanwhile is what is tested
    for job_id in jobs:
        assert told(await line.ended(job_id, within_seconds=60)) == WHOLE


async def test_a_model_short_of_quota_is_waited_for(line: Line) -> None:
    line.simulator.set(rate_limited=0.3, retry_after=0.1)
    jobs = await asyncio.gather(*(line.submit() for _ in range(15)))
    for job_id in jobs:
        assert told(await line.ended(job_id, within_seconds=60)) == WHOLE


async def test_nonsense_fails_the_job_with_its_reason_after_a_few_calls(line: Line) -> None:
    line.simulator.set(nonsense=1.0)
    before = line.simulator.statistics.calls["vision"]
    job_id = await line.submit()
    events = await line.ended(job_id)
    assert told(events)[-1] == ("vision", "failed")
    assert json.loads(events[-1].result or "") == {"error": "실패"}
    assert line.scan.jobs[job_id].error_reason == "MODEL_OUTPUT_INVALID"
    assert line.simulator.statistics.calls["vision"] - before == 4


async def test_a_refusal_fails_the_job_at_the_first_call(line: Line) -> None:
    line.simulator.set(refused=1.0)
    before = line.simulator.statistics.calls["vision"]
    job_id = await line.submit()
    assert told(await line.ended(job_id))[-1] == ("vision", "failed")
    assert line.scan.jobs[job_id].error_reason == "MODEL_REJECTED"
    assert line.simulator.statistics.calls["vision"] - before == 1


async def test_a_hanging_model_fails_the_job_by_its_deadline(line: Line) -> None:
    line.simulator.set(hang=1.0)
    job_id = await line.submit(deadline_seconds=6.0)
    events = await line.ended(job_id, within_seconds=30)
    assert told(events)[-1] == ("vision", "failed")
    assert line.scan.jobs[job_id].error_reason in ("JOB_DEADLINE_EXCEEDED", "MODEL_UNAVAILABLE")


async def test_a_cancelled_job_stops_at_its_next_step(line: Line) -> None:
    line.simulator.set(scale=0.1)
    before = line.simulator.statistics.calls["answer"]
    job_id = await line.submit()
    await until(lambda: line.simulator.statistics.in_flight, what="the vision call")
    line.scan.jobs[job_id].status = "cancelled"
    await line.publisher.publish(ProgressEvent(job_id=job_id, stage="done", status="failed"))
    await until(lambda: line.simulator.statistics.in_flight == 0, what="the call to end")
    later = await line.submit()
    await line.ended(later)
    assert told(await line.events(job_id))[-1] == ("done", "failed")
    assert line.simulator.statistics.calls["answer"] - before == 1, "only the later job's"


async def test_a_job_survives_redis_losing_everything(line: Line) -> None:
    line.simulator.set(scale=0.15)
    job_id = await line.submit()
    await until(lambda: line.simulator.statistics.in_flight, what="the vision call")
    await line.redis.flushall()
    events = await line.ended(job_id)
    assert told(events) == WHOLE[2:]
    assert line.scan.jobs[job_id].status == "completed"
    owner = await line.redis.hget(keys.state(job_id), "user_id")
    assert isinstance(owner, bytes)
    assert owner.decode() == line.users[job_id]


async def test_a_repeated_record_changes_nothing(line: Line) -> None:
    before = line.simulator.statistics.calls.copy()
    task = line.task()
    for _ in range(3):
        await line.send(task)
    assert told(await line.ended(task.job_id)) == WHOLE[1:]
    later = await line.submit()
    await line.ended(later)
    assert told(await line.events(task.job_id)) == WHOLE[1:]
    assert line.simulator.statistics.calls - before == {"vision": 2, "answer": 2}


async def test_a_catalogue_that_is_away_costs_the_reward_not_the_result(line: Line) -> None:
    line.character.unavailable = True
    line.simulator.set(middle="종이팩")  # nobody has asked for it before
    job_id = await line.submit()
    assert told(await line.ended(job_id)) == WHOLE
    assert not line.scan.results[job_id].HasField("reward")


async def test_an_outage_longer_than_all_attempts_does_not_cost_the_answer(line: Line) -> None:
    task = line.task()
    task.vision.classification.major_category = "재활용폐기물"
    task.answer.user_answer = "헹궈서 버려요"
    line.scan.unavailable, line.scan.refused = True, 0
    await line.producer.send(
        SCAN_REWARD,
        task.job_id,
        task,
        headers={ATTEMPT: str(len(SCAN_REWARD.retry) + 1)},
        deadline=task.deadline_ms / 1000,
    )
    await until(lambda: line.scan.refused >= 2, within_seconds=30, what="the last attempt's end")
    line.scan.unavailable = False
    assert told(await line.ended(task.job_id)) == WHOLE[-3:]
    assert line.scan.results[task.job_id].user_answer == "헹궈서 버려요"


async def test_a_scan_service_that_comes_back_gets_the_result(line: Line) -> None:
    line.scan.unavailable = True
    job_id = await line.submit()

    async def waits_for_it() -> bool:
        return ("reward", "started") in told(await line.events(job_id))

    await until(waits_for_it, what="the last stage")
    line.scan.unavailable = False
    assert told(await line.ended(job_id)) == WHOLE
