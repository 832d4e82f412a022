"""A CRM of sixty lines of code: pops up who calls, calls and saves when you type so, receives webhooks.

PBXD=http://127.0.0.1:8573 TOKEN=pbxd_… EXTENSION=101 SECRET=whsec_… PORT=8800 python crm.py
Then type "call NUMBER" or "save NUMBER NAME". It needs aiohttp alone; docs/api-quick-start.md explains each step.
"""
import asyncio, base64, hmac, json, os, sys, time, uuid
from aiohttp import ClientError, ClientResponseError, ClientSession, ClientTimeout, web

ME, CONTACTS, heard = {"as": os.environ["EXTENSION"]}, "/api/v1/contacts", set()
MINE = {"kinds": "call.ringing", "mine": "true"} | ME

async def check(answer):
    if answer.status >= 400:  # the body says what is wrong
        raise ClientResponseError(answer.request_info, (), status=answer.status, message=await answer.text())

async def cards(pbxd, number):
    async with pbxd.get(CONTACTS, params={"number": number} | ME) as answer:
        return (await answer.json())["items"]

async def pop_up(pbxd, last=""):
    while True:
        headers, frame = {"Last-Event-ID": last} if last else {}, {}
        try:
            async with pbxd.get("/api/v1/events", params=MINE, headers=headers, timeout=ClientTimeout(sock_read=60)) as stream:
                async for line in stream.content:
                    name, _, frame[name] = line.decode().rstrip("\n").partition(": ")
                    if line == b"\n":  # the frame is whole
                        if frame.get("event") == "call.ringing":
                            number = json.loads(frame["data"])["data"]["caller"]["number"]  # null: withheld
                            print("rings:", number, [card["name"] for card in await cards(pbxd, number)] if number else "")
                        last, frame = frame.get("id", last), {}
        except (ClientError, TimeoutError) as error:
            if isinstance(error, ClientResponseError) and error.status < 500:
                raise  # such as 401: waiting does not help
        await asyncio.sleep(2)

async def obey(pbxd):
    while words := (await asyncio.to_thread(sys.stdin.readline)).split(maxsplit=2):
        new = {"headers": {"Idempotency-Key": str(uuid.uuid4())}}
        try:
            if words[0] == "call":
                call = await (await pbxd.post("/api/v1/calls", json={"agent": ME["as"], "target": words[1]}, **new)).json()
                async with pbxd.get(f"/api/v1/calls/{call['id']}/states", timeout=ClientTimeout()) as states:
                    print("call:", [json.loads(line)["state"] async for line in states.content if line.strip()])
            elif known := await cards(pbxd, words[1]):
                read = {"If-Match": f'"{known[0]["version"]}"'}
                await pbxd.patch(f"{CONTACTS}/{known[0]['id']}", json={"name": words[2]}, headers=read, params=ME)
            else:
                await pbxd.post(CONTACTS, json={"name": words[2], "numbers": [words[1]]}, params=ME, **new)
        except (ClientError, IndexError) as error:
            print("failed:", error)

async def receive(request):
    body, sent, name = await request.read(), request.headers.get("webhook-timestamp", ""), request.headers.get("webhook-id", "")
    key, given = base64.b64decode(os.environ["SECRET"].removeprefix("whsec_")), request.headers.get("webhook-signature", "").split()
    wanted = b"v1," + base64.b64encode(hmac.digest(key, f"{name}.{sent}.".encode() + body, "sha256"))
    fresh = sent.isdecimal() and abs(time.time() - int(sent)) < 300
    if not (fresh and any(hmac.compare_digest(wanted, one.encode()) for one in given)):
        return web.Response(status=401)
    if name not in heard:  # a message may come twice
        heard.add(name)
        print("webhook:", json.loads(body)["kind"])
    return web.Response(status=204)

async def main():
    (app := web.Application()).router.add_post("/pbxd", receive)
    await (runner := web.AppRunner(app)).setup()
    await web.TCPSite(runner, "127.0.0.1", int(os.environ["PORT"])).start()
    token = {"Authorization": "Bearer " + os.environ["TOKEN"]}
    async with ClientSession(os.environ["PBXD"], headers=token, raise_for_status=check) as pbxd:
        await asyncio.gather(pop_up(pbxd), obey(pbxd))

asyncio.run(main())
