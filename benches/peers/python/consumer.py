"""A consumer of crawl batches as a Python team would write it: asyncio on uvloop, and Postgres reads the JSON."""

import asyncio
import json
import os
import pathlib
from datetime import datetime, timezone

import aio_pika
import asyncpg
import uvloop
import zstandard
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session

QUEUE = "analytics.data.collected"
TRANSACTIONS = 8
# Twice the transactions in flight: the next objects are there when a transaction ends.
PREFETCH = 16
SQL = pathlib.Path(__file__).with_name("batch.sql").read_text()


async def handle(message, store, pool):
    received = datetime.now(timezone.utc)
    event = json.loads(message.body)
    payload = event["payload"]
    bucket, key = payload["minio_path"].split("/", 1)
    answer = await store.get_object(Bucket=bucket, Key=key)
    async with answer["Body"] as stream:
        items = await stream.read()
    if key.endswith(".zst"):
        # A decompressor is not to be shared, and costs next to nothing.
        items = zstandard.ZstdDecompressor().decompress(items)
    async with pool.acquire() as connection:
        # Prepared once a connection, by asyncpg's own cache; one statement is one transaction.
        await connection.execute(
            SQL,
            items,
            event["event_id"],
            payload["minio_path"],
            payload.get("project_id"),
            payload["job_id"],
            payload["platform"],
            payload.get("batch_index"),
            payload.get("total_batches"),
            payload.get("content_count"),
            datetime.fromisoformat(event["timestamp"]),
            received,
            payload.get("brand_name"),
            payload.get("keyword"),
            payload.get("task_type"),
        )
    await message.ack()


async def guarded(message, store, pool):
    try:
        await handle(message, store, pool)
    except Exception as error:
        print(f"{message.delivery_tag}: {error!r}", flush=True)
        await message.nack(requeue=True)


async def set_up(connection):
    # The bytes of the object go out as they are: no str in between.
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", format="binary", encoder=lambda value: b"\x01" + value, decoder=bytes
    )


async def serve_readiness():
    async def answer(reader, writer):
        await reader.readline()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    await asyncio.start_server(answer, "127.0.0.1", int(os.environ["METRICS_PORT"]))


async def main():
    pool = await asyncpg.create_pool(
        os.environ["DATABASE_URL"], min_size=TRANSACTIONS, max_size=TRANSACTIONS, init=set_up
    )
    broker = await aio_pika.connect(os.environ["RABBITMQ_URL"] + "?heartbeat=300")
    channel = await broker.channel()
    await channel.set_qos(prefetch_count=PREFETCH)
    queue = await channel.get_queue(QUEUE, ensure=False)
    client = get_session().create_client(
        "s3",
        endpoint_url="http://" + os.environ["MINIO_ENDPOINT"],
        aws_access_key_id=os.environ["MINIO_ACCESS_KEY"],
        aws_secret_access_key=os.environ["MINIO_SECRET_KEY"],
        region_name="us-east-1",
        config=AioConfig(max_pool_connections=PREFETCH, response_checksum_validation="when_required"),
    )
    async with client as store:
        running = set()

        async def start(message):
            task = asyncio.create_task(guarded(message, store, pool))
            running.add(task)
            task.add_done_callback(running.discard)

        await queue.consume(start)
        await serve_readiness()
        await asyncio.Event().wait()


uvloop.run(main())
