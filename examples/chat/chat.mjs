// node chat.mjs NAME [ROOM]
//
// Without a room it opens one and prints its id for the others. The relays are the nodes of `registry up`, unless REGISTRY_RELAY names
// others, with commas between them.

import { createInterface } from "node:readline";
import { connect } from "@fluencelabs/registry";
import { enter, nodesOf } from "./room.mjs";

const [name, given] = process.argv.slice(2);
const relays = process.env.REGISTRY_RELAY?.split(",") ?? (await nodesOf("http://127.0.0.1:9980").catch(() => []));
if (!name || relays.length === 0) {
  console.error("usage: node chat.mjs NAME [ROOM]; `registry up` must run, or REGISTRY_RELAY name a relay");
  process.exit(2);
}
const client = await connect(relays);
const { room, say, leave } = await enter(name, given, console.log);
if (!given) console.log(`room ${room}`);

const lines = createInterface({ input: process.stdin }).on("line", say).on("close", end);
process.on("SIGINT", () => lines.close());

async function end() {
  await leave().catch((error) => console.log(`* ${error.message}`));
  await client.close();
  process.exit();
}
