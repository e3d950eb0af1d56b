// node chat.mjs NAME [ROOM]
//
// Without a room it opens one and prints its id for the others. REGISTRY_RELAY: addresses of relays, with commas between them.

import { createInterface } from "node:readline";
import { call, connect, provide, watchProviders } from "@fluencelabs/registry";

const [name, given] = process.argv.slice(2);
const relays = process.env.REGISTRY_RELAY?.split(",");
if (!name || !relays) {
  console.error("usage: REGISTRY_RELAY=/ip4/… node chat.mjs NAME [ROOM]");
  process.exit(2);
}
const client = await connect(relays);

// Others call this with what they say.
const inbox = { id: "inbox", functions: { receive: (from, line) => console.log(`${from}: ${line}`) } };
const member = await provide({ ...(given ? { resource: given } : { label: "chat" }), value: name, service: inbox });
const room = member.resource;
if (!given) console.log(`room ${room}`);

// Who comes and goes.
const left = new AbortController();
watchProviders(
  room,
  ({ added, gone }) => {
    added.forEach(({ value }) => console.log(`* ${value} is here`));
    gone.forEach(({ value }) => console.log(`* ${value} has left`));
  },
  { everyMs: 2_000, signal: left.signal },
);

// Nobody waits for a member that hangs: each has its own call.
async function say(line) {
  for await (const { provider, error } of call(room, "inbox", "receive", [name, line], { ttlMs: 5_000 })) {
    if (error) console.log(`* ${provider.value} has not received "${line}"`);
  }
}

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => say(line).catch((error) => console.log(`* ${error.message}`)));
lines.on("close", leave);
process.on("SIGINT", leave);

async function leave() {
  left.abort();
  await member.close().catch((error) => console.log(`* ${error.message}`));
  await client.close();
  process.exit();
}
