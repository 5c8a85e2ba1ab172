"""The catalogue is written in one place and answered from the memory of every replica."""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import replace

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import TopicPartition
from eco2.character.v1 import character_service_pb2 as pb
from eco2.pipeline.v1.character_catalogue_pb2 import CharacterStated

from services.character.catalogue import Character
from services.character.catalogue_file import released
from services.character.changes import Stated
from services.runtime.ports import HOST
from streaming.kafka.topics import CHARACTER_CATALOGUE
from tests.integration.backend import Refused
from tests.integration.character.conftest import Replica, replica
from tests.wait import until

pytestmark = pytest.mark.parts

RELEASED = list(released().characters)
NAMES = [character.name for character in RELEASED]
NOWHERE = f"{HOST}:1"
NEW = Character("char-bulky", "덩치", "가구", "혼자 들지 마!", "대형폐기물", ("가구",))

Pair = tuple[Replica, Replica]


def item(middle: str) -> pb.MatchCharacterRequest:
    return pb.MatchCharacterRequest(
        major_category="재활용폐기물", middle_category=middle, disposal_rules_present=True
    )


async def earned(one: Replica, middle: str) -> str:
    answer = await one.stub.MatchCharacter(item(middle))
    return str(answer.character.name)


async def test_a_new_database_is_seeded_with_the_catalogue_of_the_release(pair: Pair) -> None:
    pool = await pair[0].context.pool("character")
    assert await pool.fetchval("SELECT count(*) FROM characters") >= len(RELEASED)
    assert await pair[1].names() == NAMES


async def test_a_change_is_answered_by_every_replica_at_once(pair: Pair) -> None:
    one, two = pair
    delays = []
    for round_ in range(5):
        dialog = f"안녕 {round_} {uuid.uuid4().hex}"
        await one.sync([replace(RELEASED[0], dialog=dialog), *RELEASED[1:], NEW])
        began = time.monotonic()

        async def said(expected: str = dialog) -> bool:
            answer = await two.stub.GetDefaultCharacter(pb.GetDefaultCharacterRequest())
            return bool(answer.character.dialog == expected)

        await until(said, every_seconds=0.005)
        delays.append(time.monotonic() - began)
    assert await earned(two, "대형폐기물") == "덩치"
    assert sorted(delays)[2] < 3.0, delays


async def test_what_earns_two_characters_can_be_swapped(pair: Pair) -> None:
    one, two = pair
    paper, carton = RELEASED[1], RELEASED[2]
    swapped = [replace(paper, match=carton.match), replace(carton, match=paper.match)]
    await one.sync([RELEASED[0], *swapped, *RELEASED[3:]])

    async def both() -> bool:
        return (await earned(two, "종이"), await earned(two, "종이팩")) == ("팩토리", "페이피")

    await until(both)


async def test_repeating_a_synchronisation_changes_and_tells_nothing(pair: Pair) -> None:
    one, _ = pair
    first = await one.sync([*RELEASED, NEW])
    assert [change.code for change in first.changes] == [NEW.code]
    again = await one.sync([*RELEASED, NEW])
    assert (list(again.changes), again.revision) == ([], first.revision)


async def test_a_dry_run_says_what_would_change_and_changes_nothing(pair: Pair) -> None:
    one, two = pair
    planned = await one.sync([*RELEASED[1:-1], replace(RELEASED[0], name="새이코")], dry_run=True)
    actions = {change.code: change.action for change in planned.changes}
    assert actions[RELEASED[-1].code] == "retired"
    assert actions["char-eco"] == "changed"
    assert await one.names() == NAMES
    assert await two.names() == NAMES
    assert not (await one.sync(RELEASED)).changes


async def test_a_catalogue_that_breaks_its_rules_is_refused_field_by_field(pair: Pair) -> None:
    one, _ = pair
    for broken in (
        RELEASED[1:],
        [*RELEASED, RELEASED[3]],
        [*RELEASED, replace(NEW, match="종이")],
        [*RELEASED, replace(NEW, aliases=("이코",))],
        [*RELEASED, replace(NEW, code="가구")],
        [*RELEASED, replace(NEW, dialog="a\0b")],
        [*RELEASED, replace(NEW, dialog="가" * 501)],
        [],
        [replace(NEW, code=f"char-{n}", name=str(n), match=str(n)) for n in range(501)],
    ):
        async with Refused("VALIDATION_FAILED"):
            await one.sync(broken)
    assert await one.names() == NAMES


async def test_synchronisations_at_once_end_in_one_of_them_everywhere(pair: Pair) -> None:
    variants = [
        [replace(RELEASED[0], dialog=f"말 {number}"), *RELEASED[1 : 8 + number % 5]]
        for number in range(8)
    ]
    done = await asyncio.gather(
        *(pair[number % 2].sync(variant) for number, variant in enumerate(variants))
    )
    assert len({answer.revision for answer in done}) == len(done), "one after the other"
    last = variants[max(range(8), key=lambda number: done[number].revision)]
    for each in pair:
        await each.shows([character.name for character in last])
    pool = await pair[0].context.pool("character")
    rows = await pool.fetch("SELECT name FROM characters WHERE NOT retired ORDER BY position")
    assert [row["name"] for row in rows] == [character.name for character in last]


async def test_a_retired_character_is_neither_shown_nor_earned_nor_known(pair: Pair) -> None:
    one, two = pair
    await one.sync(RELEASED[:-1])
    await two.shows(NAMES[:-1])
    gone = RELEASED[-1]
    assert gone.match is not None
    assert await earned(two, gone.match) == ""
    async with Refused("CHARACTER_NOT_FOUND"):
        await two.stub.GetCharacter(pb.GetCharacterRequest(name=gone.name))
    restored = await one.sync(RELEASED)
    assert [(change.code, change.action) for change in restored.changes] == [
        (gone.code, "restored")
    ]
    await two.shows(NAMES)


async def test_a_replica_without_its_database_starts_from_the_topic(
    pair: Pair, environ: dict[str, str]
) -> None:
    changed = [*RELEASED, NEW]
    await pair[0].sync(changed)
    away = {"ECO2_POSTGRES_URL": f"postgresql://{NOWHERE}/eco2"}
    async with replica({**environ, **away}) as fresh:
        await until(fresh.ready)
        assert await fresh.names() == [*NAMES, NEW.name]
        assert await earned(fresh, "대형폐기물") == NEW.name
        async with Refused("DEPENDENCY_UNAVAILABLE"):
            await fresh.sync(RELEASED)


async def test_a_replica_without_kafka_starts_from_the_database_and_changes_it(
    pair: Pair, environ: dict[str, str]
) -> None:
    one, two = pair
    await one.sync([*RELEASED, NEW])
    away = {"ECO2_KAFKA_BOOTSTRAP": NOWHERE, "ECO2_CHARACTER_WAIT_SECONDS": "0.2"}
    async with replica({**environ, **away}) as fresh:
        assert not await fresh.ready()
        await until(fresh.ready)
        assert await fresh.names() == [*NAMES, NEW.name]
        await fresh.sync(RELEASED)
        assert await fresh.names() == NAMES
        await two.shows(NAMES)  # told by a replica that reaches the brokers


async def test_a_replica_without_either_goes_by_the_release(environ: dict[str, str]) -> None:
    away = {
        "ECO2_KAFKA_BOOTSTRAP": NOWHERE,
        "ECO2_POSTGRES_URL": f"postgresql://{NOWHERE}/eco2",
        "ECO2_CHARACTER_WAIT_SECONDS": "0.2",
    }
    async with replica({**environ, **away}) as fresh:
        await until(fresh.ready)
        assert await fresh.names() == NAMES
        assert await earned(fresh, "종이") == "페이피"


async def test_an_old_statement_that_comes_once_more_is_put_right(
    pair: Pair, environ: dict[str, str]
) -> None:
    """As when an acknowledgement was lost: compaction would keep the old record alone."""
    one, _ = pair
    changed = replace(RELEASED[0], dialog=f"새 말 {uuid.uuid4().hex}")
    done = await one.sync([changed, *RELEASED[1:]])
    stale = Stated(RELEASED[0], 0, retired=False, revision=1)
    producer = AIOKafkaProducer(bootstrap_servers=environ["ECO2_KAFKA_BOOTSTRAP"])
    await producer.start()
    try:
        await producer.send_and_wait(
            CHARACTER_CATALOGUE.name, stale.message().SerializeToString(), b"char-eco"
        )
    finally:
        await producer.stop()
    last = await last_record(environ["ECO2_KAFKA_BOOTSTRAP"], b"char-eco", done.revision)
    assert last.character.dialog == changed.dialog


async def last_record(bootstrap: str, key: bytes, revision: int) -> Stated:
    """The topic's last record about a character, once it is of a revision."""
    place = TopicPartition(CHARACTER_CATALOGUE.name, 0)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign([place])

        async def righted() -> Stated | None:
            await consumer.seek_to_beginning(place)
            end = (await consumer.end_offsets([place]))[place]
            last: Stated | None = None
            while await consumer.position(place) < end:
                for record in (await consumer.getmany(place, timeout_ms=500)).get(place, ()):
                    if record.key == key:
                        last = Stated.of(CharacterStated.FromString(record.value))
            return last if last is not None and last.revision == revision else None

        return await until(righted)
    finally:
        await consumer.stop()


async def test_names_in_a_sentence_and_alone(pair: Pair) -> None:
    one, _ = pair
    answer = await one.stub.FindCharacters(
        pb.FindCharactersRequest(text="페트병이랑 캔 캐릭터는 누구야?")
    )
    assert [each.code for each in answer.characters] == ["char-petty", "char-metally"]
    assert answer.characters[0].match == "무색페트병"
    found = await one.stub.GetCharacter(pb.GetCharacterRequest(name=" Styrofoam "))
    assert found.character.name == "폼이"
    async with Refused("CHARACTER_NOT_FOUND") as refusal:
        await one.stub.GetCharacter(pb.GetCharacterRequest(name="누구"))
    assert refusal.metadata["name"] == "누구"
    async with Refused("VALIDATION_FAILED"):
        await one.stub.GetCharacter(pb.GetCharacterRequest(name="x" * 65))
