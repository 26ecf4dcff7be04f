"""A discord.py bot against a local stack: logs in, gets its guild, sends by REST, receives by gateway.

usage: discord_py.py HOST:PORT TOKEN MESSAGES [SECONDS]

Sends MESSAGES messages to the first text channel of its first guild, a few at a time over SECONDS, waits until
it has received each of them, and prints what it saw as one line of JSON. Exit code 1 when something is missing.
"""

import asyncio
import json
import sys
import time

import discord
import yarl

host, token, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
seconds = float(sys.argv[4]) if len(sys.argv) > 4 else 0.0

discord.http.Route.BASE = f"http://{host}/api/v10"
discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(f"ws://{host}/")

intents = discord.Intents.default()
intents.message_content = True
intents.members = True


class Bot(discord.Client):
    def __init__(self):
        super().__init__(intents=intents)
        self.seen = []
        self.resumed = 0
        self.disconnected = 0
        self.done = asyncio.Event()
        self.result = None

    async def on_message(self, message):
        self.seen.append(message)

    async def on_resumed(self):
        self.resumed += 1

    async def on_disconnect(self):
        self.disconnected += 1

    async def on_ready(self):
        if self.result is None:
            self.result = {}
            self.task = asyncio.create_task(self.exercise())

    async def exercise(self):
        try:
            for _ in range(100):
                if self.guilds:
                    break
                await asyncio.sleep(0.1)
            guild = self.guilds[0]
            channel = guild.text_channels[0]
            sent = []
            began = time.monotonic()
            for n in range(count):
                message = await channel.send(f"message {n}", nonce=f"{n}-{int(time.time())}")
                sent.append(message.id)
                pause = began + seconds * (n + 1) / count - time.monotonic()
                if pause > 0:
                    await asyncio.sleep(pause)
            for _ in range(200):
                received = [m.id for m in self.seen if m.channel.id == channel.id and m.author.id == self.user.id]
                if len(set(received)) >= len(set(sent)):
                    break
                await asyncio.sleep(0.1)
            history = [m.id async for m in channel.history(limit=count)]
            self.result = {
                "user": self.user.name,
                "bot": self.user.bot,
                "guild": guild.name,
                "channel": channel.name,
                "members": guild.member_count,
                "sent": sent,
                "received": received,
                "contents": [m.content for m in self.seen if m.author.id == self.user.id],
                "history": list(reversed(history)),
                "resumed": self.resumed,
                "disconnected": self.disconnected,
            }
        except Exception as error:  # the test must see why
            self.result = {"error": repr(error)}
        finally:
            self.done.set()


async def main():
    bot = Bot()
    runner = asyncio.create_task(bot.start(token))
    done = asyncio.create_task(bot.done.wait())
    await asyncio.wait({runner, done}, timeout=seconds + 60, return_when=asyncio.FIRST_COMPLETED)
    if runner.done() and runner.exception():
        print(json.dumps({"error": repr(runner.exception())}))
        return 1
    result = bot.result or {"error": "timed out before ready"}
    await bot.close()
    print(json.dumps(result))
    return 0 if result.get("sent") and result["sent"] == result["received"] else 1


sys.exit(asyncio.run(main()))
