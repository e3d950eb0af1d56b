// node chat.mjs NAME [ROOM]
//
// Without a room it opens one and prints its id for the others. REGISTRY_RELAY: addresses of relays, with commas between them.

import { createInterface } from "node:readline";
import { connect } from "@fluencelabs/registry";
import { enter } from "./room.mjs";

const [name, given] = process.argv.slice(2);
const relays = process.env.REGISTRY_RELAY?.split(",");
if (!name || !relays) {
  console.error("usage: REGISTRY_RELAY=/ip4/… node chat.mjs NAME [ROOM]");
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
