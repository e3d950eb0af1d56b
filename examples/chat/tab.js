// The same in a browser tab: `npm run tab`. ?name=NAME&room=ROOM

import { connect } from "@fluencelabs/registry";
import { enter, nodesOf } from "./room.mjs";

await connect(await nodesOf(location.href), { ttlMs: 15_000, workersUrl: new URL("workers/", document.baseURI).href });
const tell = (text) => document.querySelector("ol").append(Object.assign(document.createElement("li"), { textContent: text }));
const query = new URLSearchParams(location.search);
const { room, say, leave } = await enter(query.get("name") ?? "a tab", query.get("room"), tell);
tell(`room ${room}`);

const form = document.querySelector("form");
form.onsubmit = (event) => {
  event.preventDefault();
  say(form.line.value);
  form.reset();
};
addEventListener("pagehide", leave);
