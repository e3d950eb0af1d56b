// With the JS client's own time to live, 7 s, and a dead node in every neighbourhood: an answer or errors, in time.
// RELAYS: a JSON list of { peer_id, ws }; DEAD: the peer id of the node that is dead, none of the first three.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createClient } from "@fluencelabs/js-client";
import { load } from "./compile.mjs";

const relays = JSON.parse(process.env.RELAYS);
const dead = process.env.DEAD;
const ALL = 20;
const limit = { timeout: 60_000 };

let api, client, id, unknown;

before(async () => {
  api = await load("everything.aqua");
  client = await createClient(relays[0].ws);
  [id] = await api.createResource(client, "sample");
  unknown = await api.getResourceId(client, "unknown", client.getPeerId());
}, { timeout: 180_000 });

after(() => client?.disconnect());

test("what is written is written", limit, async () => {
  const [registered] = await api.registerProvider(client, id, "value", null);
  assert.equal(registered, true);
});

test("what is asked of all is the answer of the others, and the dead node is named", limit, async () => {
  const [providers, errors] = await api.resolveProviders(client, id, ALL);
  assert.deepEqual(providers.map((provider) => provider.peer_id), [client.getPeerId()]);
  assert.ok(errors.some((error) => error.includes(dead)), errors.join("\n"));
});

test("what one node answers has no errors", limit, async () => {
  const [providers, errors] = await api.resolveProviders(client, id, 1);
  assert.deepEqual([providers.length, errors], [1, []]);
});

test("a resource that does not exist is not found", limit, async () => {
  for (const call of [
    api.getResource(client, unknown),
    api.resolveResource(client, unknown, ALL),
    api.registerProvider(client, unknown, "value", null),
  ]) {
    const [found, errors] = await call;
    assert.ok(!found);
    assert.match(errors.join("\n"), /is not known here/);
  }
});

test("the dead node does not become a provider, and is named", limit, async () => {
  const [registered, errors] = await api.registerNodeProvider(client, dead, id, "value", null);
  assert.equal(registered, false);
  assert.ok(errors.some((error) => error.includes(dead)), errors.join("\n"));
});

test("what is removed is removed", limit, async () => {
  const [removed] = await api.unregisterService(client, id, client.getPeerId());
  assert.equal(removed, true);
});
