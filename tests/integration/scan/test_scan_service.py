"""Scans from submission to every end they can take, on real parts."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

import pytest
from eco2.scan.v1 import scan_pb2, scan_service_pb2

from streaming.progress.event import START
from streaming.progress.history import Histories
from tests.integration.backend import Backend, Refused, new_user
from tests.wait import until

pytestmark = pytest.mark.parts

RESULT = scan_pb2.ScanResult(
    classification=scan_pb2.Classification(
        major_category="재활용폐기물", middle_category="무색페트병", minor_category="음료PET병"
    ),
    situation_tags=["비닐_라벨_부착"],
    user_input="이거 어떻게 버려요?",
    rule_document_id="재활용폐기물_무색페트병",
    disposal_steps=["내용물을 비운다", "라벨을 뗀다"],
    user_answer="라벨을 떼고 배출해 주세요.",
    reward=scan_pb2.Reward(
        name="페티", dialog="안녕", match_reason="무색페트병>음료PET병", type="페트병"
    ),
)


async def submit(backend: Backend, user: str, **fields: str) -> str:
    if "image_url" not in fields:
        fields["image_url"] = (await backend.upload(user)).cdn_url
    response = await backend.scan.SubmitScan(
        scan_service_pb2.SubmitScanRequest(**fields), metadata=backend.as_user(user)
    )
    return str(response.job_id)


async def document(
    backend: Backend, user: str, job_id: str
) -> tuple[dict[str, Any], dict[str, str]]:
    call = backend.scan.GetScanResultDocument(
        scan_service_pb2.GetScanResultDocumentRequest(job_id=job_id),
        metadata=backend.as_user(user),
    )
    body = await call
    assert body.content_type == "application/json"
    headers = dict(await call.initial_metadata())
    return json.loads(body.data), headers


async def complete(
    backend: Backend, job_id: str, result: scan_pb2.ScanResult = RESULT
) -> scan_pb2.Job:
    response = await backend.scan.CompleteJob(
        scan_service_pb2.CompleteJobRequest(job_id=job_id, result=result)
    )
    job: scan_pb2.Job = response.job
    return job


async def fail(backend: Backend, job_id: str, reason: str = "MODEL_UNAVAILABLE") -> scan_pb2.Job:
    response = await backend.scan.FailJob(
        scan_service_pb2.FailJobRequest(job_id=job_id, reason=reason, stage="vision")
    )
    job: scan_pb2.Job = response.job
    return job


async def cancel(backend: Backend, user: str, job_id: str) -> str:
    call = backend.scan.CancelScan(
        scan_service_pb2.CancelScanRequest(job_id=job_id), metadata=backend.as_user(user)
    )
    await call
    return str(dict(await call.initial_metadata())["x-http-status"])


class TestSubmit:
    async def test_answer_is_what_the_app_builds_its_requests_from(self, backend: Backend) -> None:
        user = new_user()
        image = await backend.upload(user)
        response = await backend.scan.SubmitScan(
            scan_service_pb2.SubmitScanRequest(image_url=image.cdn_url),
            metadata=backend.as_user(user),
        )
        assert str(uuid.UUID(response.job_id)) == response.job_id
        assert response.stream_url == f"/api/v1/scan/{response.job_id}/events"
        assert response.result_url.split("/")[-2] == response.job_id
        assert response.status == "queued"

    async def test_job_is_opened_queued_sent_and_marked(self, backend: Backend) -> None:
        user = new_user()
        job_id = await submit(backend, user, user_input="  물병\0  ")
        history = await Histories(backend.context.redis()).read(job_id, START)
        assert history.state.user_id == user
        assert [(event.stage, event.status, event.seq) for event in history.events] == [
            ("queued", "started", 0)
        ]

        async def marked() -> bool:
            status = await backend.scan_db.fetchval(
                "SELECT status FROM jobs WHERE job_id = $1 AND dispatched_at IS NOT NULL", job_id
            )
            return bool(status == "processing")

        await until(marked)
        job = await backend.scan.GetJob(scan_service_pb2.GetJobRequest(job_id=job_id))
        assert (job.job.user_id, job.job.user_input) == (user, "물병")

    @pytest.mark.parametrize(
        ("fields", "reason"),
        [
            ({"image_url": ""}, "IMAGE_URL_REQUIRED"),
            ({"image_url": "not a url"}, "VALIDATION_FAILED"),
            ({"image_url": "http://10.0.0.1/scan/a.jpg"}, "IMAGE_URL_NOT_ALLOWED"),
            ({"model": "gpt-1"}, "UNSUPPORTED_MODEL"),
            ({"user_input": "가" * 2001}, "VALIDATION_FAILED"),
        ],
    )
    async def test_bad_request_is_refused_with_its_reason(
        self, backend: Backend, fields: dict[str, str], reason: str
    ) -> None:
        async with Refused(reason):
            await submit(backend, new_user(), **fields)

    async def test_unsupported_model_names_the_supported_ones(self, backend: Backend) -> None:
        async with Refused("UNSUPPORTED_MODEL") as refusal:
            await submit(backend, new_user(), model="gpt-1")
        assert "gpt-5.2" in refusal.metadata["supported_models"].split(",")

    async def test_refusal_of_the_image_comes_through(self, backend: Backend) -> None:
        user = new_user()
        image = await backend.upload(user, b"no image")
        async with Refused("IMAGE_TYPE_UNSUPPORTED") as refusal:
            await submit(backend, user, image_url=image.cdn_url)
        assert refusal.metadata["detected"]


class TestIdempotency:
    async def test_fifty_at_once_make_one_job(self, backend: Backend) -> None:
        user = new_user()
        request = scan_service_pb2.SubmitScanRequest(image_url=(await backend.upload(user)).cdn_url)
        answers = await asyncio.gather(
            *(
                backend.scan.SubmitScan(
                    request, metadata=backend.as_user(user, x_idempotency_key="k")
                )
                for _ in range(50)
            )
        )
        assert len({answer.SerializeToString() for answer in answers}) == 1
        count = await backend.scan_db.fetchval("SELECT count(*) FROM jobs WHERE user_id = $1", user)
        assert count == 1

    async def test_another_payload_is_refused_and_another_user_is_not(
        self, backend: Backend
    ) -> None:
        user, other = new_user(), new_user()
        image = await backend.upload(user)
        request = scan_service_pb2.SubmitScanRequest(image_url=image.cdn_url)
        changed = scan_service_pb2.SubmitScanRequest(image_url=image.cdn_url, user_input="캔")
        first = await backend.scan.SubmitScan(
            request, metadata=backend.as_user(user, x_idempotency_key="k")
        )
        async with Refused("IDEMPOTENCY_KEY_REUSED"):
            await backend.scan.SubmitScan(
                changed, metadata=backend.as_user(user, x_idempotency_key="k")
            )
        second = await backend.scan.SubmitScan(
            changed, metadata=backend.as_user(other, x_idempotency_key="k")
        )
        assert second.job_id != first.job_id

    async def test_key_is_free_again_after_an_hour(self, backend: Backend) -> None:
        user = new_user()
        request = scan_service_pb2.SubmitScanRequest(image_url=(await backend.upload(user)).cdn_url)
        metadata = backend.as_user(user, x_idempotency_key="k")
        first = await backend.scan.SubmitScan(request, metadata=metadata)
        await backend.scan_db.execute(
            "UPDATE idempotency_keys SET created_at = created_at - interval '61 min'"
            " WHERE user_id = $1",
            user,
        )
        second = await backend.scan.SubmitScan(request, metadata=metadata)
        third = await backend.scan.SubmitScan(request, metadata=metadata)
        assert first.job_id != second.job_id == third.job_id

    async def test_refused_submission_does_not_take_the_key(self, backend: Backend) -> None:
        user = new_user()
        metadata = backend.as_user(user, x_idempotency_key="k")
        async with Refused("IMAGE_URL_NOT_ALLOWED"):
            await backend.scan.SubmitScan(
                scan_service_pb2.SubmitScanRequest(image_url="http://a.example/b.jpg"),
                metadata=metadata,
            )
        image = await backend.upload(user)
        await backend.scan.SubmitScan(
            scan_service_pb2.SubmitScanRequest(image_url=image.cdn_url), metadata=metadata
        )

    async def test_key_that_is_too_long_is_refused(self, backend: Backend) -> None:
        async with Refused("VALIDATION_FAILED"):
            await backend.scan.SubmitScan(
                scan_service_pb2.SubmitScanRequest(image_url="http://a.example/b.jpg"),
                metadata=backend.as_user(new_user(), x_idempotency_key="k" * 256),
            )


class TestResult:
    async def test_running_scan_is_202_with_where_it_stands(self, backend: Backend) -> None:
        user = new_user()
        job_id = await submit(backend, user)
        body, headers = await document(backend, user, job_id)
        assert body == {
            "status": "processing",
            "message": "결과 준비 중입니다.",
            "current_stage": "queued",
            "progress": None,
        }
        assert headers["x-http-status"] == "202"
        assert headers["retry-after"] == "2"

    async def test_completed_scan_is_the_document_that_completing_returned(
        self, backend: Backend
    ) -> None:
        user = new_user()
        job_id = await submit(backend, user)
        job = await complete(backend, job_id)
        body, headers = await document(backend, user, job_id)
        assert "x-http-status" not in headers
        assert json.loads(job.result_json) == body
        assert body["pipeline_result"]["disposal_rules"]["key"] == "무색페트병"
        typed = await backend.scan.GetScanResult(
            scan_service_pb2.GetScanResultRequest(job_id=job_id), metadata=backend.as_user(user)
        )
        assert (typed.status, typed.result) == ("completed", RESULT)

    async def test_first_result_wins(self, backend: Backend) -> None:
        user = new_user()
        job_id = await submit(backend, user)
        first = await complete(backend, job_id)
        other = scan_pb2.ScanResult()
        other.CopyFrom(RESULT)
        other.user_answer = "다른 답"
        assert await complete(backend, job_id, other) == first
        assert await fail(backend, job_id) == first

    async def test_concurrent_ends_agree(self, backend: Backend) -> None:
        user = new_user()
        job_id = await submit(backend, user)
        ends = await asyncio.gather(
            *(complete(backend, job_id) if n % 2 else fail(backend, job_id) for n in range(10))
        )
        assert len({job.SerializeToString() for job in ends}) == 1

    async def test_failed_scan_says_why_in_korean(self, backend: Backend) -> None:
        user = new_user()
        job_id = await submit(backend, user)
        job = await fail(backend, job_id)
        assert (job.status, job.error_reason) == ("failed", "MODEL_UNAVAILABLE")
        body, headers = await document(backend, user, job_id)
        assert "x-http-status" not in headers
        assert (body["status"], body["pipeline_result"], body["reward"]) == ("failed", None, None)
        assert body["error"].startswith("AI 모델")

    async def test_unknown_reason_is_refused(self, backend: Backend) -> None:
        job_id = await submit(backend, new_user())
        async with Refused("VALIDATION_FAILED"):
            await fail(backend, job_id, "NO_SUCH_REASON")

    async def test_municipality_is_looked_at(self, backend: Backend) -> None:
        user = new_user()
        job_id = await submit(backend, user, municipality="없는 동네")
        job = await complete(backend, job_id)
        assert job.status == "completed"
        assert await complete(backend, job_id) == job

    @pytest.mark.parametrize("job_id", ["nope", "%2e%2e", str(uuid.uuid4())])
    async def test_unknown_job_is_not_found(self, backend: Backend, job_id: str) -> None:
        async with Refused("JOB_NOT_FOUND"):
            await document(backend, new_user(), job_id)

    async def test_job_of_somebody_else_is_not_found(self, backend: Backend) -> None:
        job_id = await submit(backend, new_user())
        stranger = new_user()
        async with Refused("JOB_NOT_FOUND"):
            await document(backend, stranger, job_id)
        async with Refused("JOB_NOT_FOUND"):
            await cancel(backend, stranger, job_id)
        async with Refused("JOB_NOT_FOUND"):
            await backend.scan.GetScanResult(
                scan_service_pb2.GetScanResultRequest(job_id=job_id),
                metadata=backend.as_user(stranger),
            )

    async def test_completing_an_unknown_job_is_not_found(self, backend: Backend) -> None:
        async with Refused("JOB_NOT_FOUND"):
            await complete(backend, str(uuid.uuid4()))
        async with Refused("JOB_NOT_FOUND"):
            await fail(backend, str(uuid.uuid4()))


class TestCancel:
    async def test_cancelled_scan_ends_for_its_watchers_and_stays_so(
        self, backend: Backend
    ) -> None:
        user = new_user()
        job_id = await submit(backend, user)
        assert await cancel(backend, user, job_id) == "204"
        assert await cancel(backend, user, job_id) == "204"
        assert (await complete(backend, job_id)).status == "cancelled"
        history = await Histories(backend.context.redis()).read(job_id, START)
        last = history.events[-1]
        assert (last.stage, last.status, last.is_terminal) == ("done", "failed", True)
        body, _ = await document(backend, user, job_id)
        assert (body["status"], body["error"]) == ("failed", "취소된 작업입니다.")

    async def test_finished_scan_can_not_be_cancelled(self, backend: Backend) -> None:
        user = new_user()
        job_id = await submit(backend, user)
        await complete(backend, job_id)
        async with Refused("JOB_FINISHED") as refusal:
            await cancel(backend, user, job_id)
        assert refusal.metadata["status"] == "completed"


class TestHistory:
    async def test_pages_show_every_scan_once_newest_first(self, backend: Backend) -> None:
        user = new_user()
        image = await backend.upload(user)
        made = [await submit(backend, user, image_url=image.cdn_url) for _ in range(7)]
        # equal times, so that the order has to come from the id as well
        await backend.scan_db.execute(
            "UPDATE jobs SET created_at = date_trunc('second', created_at) WHERE user_id = $1",
            user,
        )
        await complete(backend, made[-1])
        seen: list[Any] = []
        cursor = None
        while True:
            page = await backend.scan.ListMyScans(
                scan_service_pb2.ListMyScansRequest(limit=3, cursor=cursor),
                metadata=backend.as_user(user),
            )
            seen += page.scans
            if not page.HasField("next_cursor"):
                break
            cursor = page.next_cursor
        assert sorted(row.job_id for row in seen) == sorted(made)
        stamps = [row.created_at.ToMicroseconds() for row in seen]
        assert stamps == sorted(stamps, reverse=True)
        (done,) = [row for row in seen if row.job_id == made[-1]]
        assert (done.status, done.reward_name) == ("completed", "페티")
        assert done.classification == RESULT.classification
        assert not any(row.HasField("reward_name") for row in seen if row is not done)

    async def test_cursor_of_somebody_else_and_garbage_are_refused(self, backend: Backend) -> None:
        user = new_user()
        image = await backend.upload(user)
        for _ in range(2):
            await submit(backend, user, image_url=image.cdn_url)
        page = await backend.scan.ListMyScans(
            scan_service_pb2.ListMyScansRequest(limit=1), metadata=backend.as_user(user)
        )
        for cursor, caller in [(page.next_cursor, new_user()), ("garbage", user), ("ㅋ", user)]:
            async with Refused("INVALID_CURSOR"):
                await backend.scan.ListMyScans(
                    scan_service_pb2.ListMyScansRequest(cursor=cursor),
                    metadata=backend.as_user(caller),
                )


class TestCorrection:
    async def test_last_correction_counts(self, backend: Backend) -> None:
        user = new_user()
        job_id = await submit(backend, user)
        request = scan_service_pb2.SubmitCorrectionRequest(
            job_id=job_id,
            classification=scan_pb2.Classification(
                major_category="재활용 폐기물", middle_category="플라스틱류"
            ),
        )
        async with Refused("JOB_NOT_FINISHED"):
            await backend.scan.SubmitCorrection(request, metadata=backend.as_user(user))
        await complete(backend, job_id)
        for comment in ("처음", "다시\0"):
            request.comment = comment
            answer = await backend.scan.SubmitCorrection(request, metadata=backend.as_user(user))
            assert (answer.job_id, answer.status) == (job_id, "received")
        row = await backend.scan_db.fetchrow(
            "SELECT major_category, comment FROM corrections WHERE job_id = $1", job_id
        )
        assert tuple(row) == ("재활용폐기물", "다시")

    async def test_major_has_to_be_in_the_taxonomy(self, backend: Backend) -> None:
        user = new_user()
        job_id = await submit(backend, user)
        async with Refused("VALIDATION_FAILED"):
            await backend.scan.SubmitCorrection(
                scan_service_pb2.SubmitCorrectionRequest(
                    job_id=job_id,
                    classification=scan_pb2.Classification(major_category="우주쓰레기"),
                ),
                metadata=backend.as_user(user),
            )


async def test_categories_are_an_array_of_four(backend: Backend) -> None:
    answer = await backend.scan.ListCategories(
        scan_service_pb2.ListCategoriesRequest(), metadata=backend.as_user(new_user())
    )
    assert [(item.id, item.name, item.display_name) for item in answer.items] == [
        (1, "recyclable", "재활용폐기물"),
        (2, "general", "일반폐기물"),
        (3, "food", "음식물폐기물"),
        (4, "bulky", "대형폐기물"),
    ]
    assert all(item.instructions for item in answer.items)
